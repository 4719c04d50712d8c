import { join } from 'node:path';
import { GANTRY_VERSION, type GantryError, plural } from '@gantry/common';
import type { RunEvent, RunStatusReport } from '@gantry/coordinator';
import type { CoordinatorEvent, LaunchListener, PreparedLaunch } from '@gantry/launch';
import { isGiven, requiredText, usage, wholeOf } from '../arguments.js';
import type { Args, Command } from '../command.js';
import { handleInterrupts } from '../interrupts.js';
import { ownCommand } from '../own-command.js';
import { createReporter } from '../reporters/create-reporter.js';
import type { Reporter } from '../reporters/reporter.js';
import { presetSettings } from '../run-config.js';
import { launchCommand } from '../worker-command.js';

const ACTIONS = ['start', 'status', 'logs', 'stop', 'scale', 'schema'] as const;
type Action = (typeof ACTIONS)[number];

export const launch: Command = {
  name: 'launch',
  summary: 'Start a cluster from a file, and look after it from any terminal',
  positional: {
    describe: 'what to do with the cluster (default: start)',
    choices: ACTIONS,
    default: 'start',
    number: { after: 'scale', option: 'workers' },
  },
  options: ['file', 'dry-run', 'detach', 'json'],
  examples: [
    ['launch -f cluster.yaml', 'Starts the coordinator and its workers, and shows the run to its end'],
    ['launch -f cluster.yaml --dry-run', 'Prints every file that would be written and every command that would be run'],
    [
      'launch scale 4 -f cluster.yaml',
      'From another terminal: four workers from now on; the run goes on, in the same bits',
    ],
    ['launch status -f cluster.yaml', 'Who takes part, and how far the run is; launch logs shows what everybody said'],
    ['launch stop -f cluster.yaml', 'Saves and ends it. To go on, launch it again'],
    ['launch schema > cluster.schema.json', 'JSON Schema of cluster files, for editors'],
  ],
  async run(args) {
    return ACTION[args.what as Action](args);
  },
};

const ACTION: Readonly<Record<Action, (args: Args) => Promise<number>>> = {
  start,
  status,
  logs,
  stop,
  scale,
  schema,
};

async function prepared(args: Args): Promise<PreparedLaunch> {
  const { prepareLaunch, readCluster } = await import('@gantry/launch');
  const cluster = await readCluster(requiredText(args, 'file', '-f cluster.yaml'), presetSettings());
  return prepareLaunch(cluster, { command: launchCommand(), version: GANTRY_VERSION });
}

async function start(args: Args): Promise<number> {
  const { launchCluster, printPlan } = await import('@gantry/launch');
  const ready = await prepared(args);
  if (isGiven(args, 'dry-run')) {
    process.stdout.write(`${printPlan(ready.plan, ready.cluster.workers)}\n`);
    return 0;
  }
  const detach = isGiven(args, 'detach');
  if (detach && ready.plan.kind === 'attached') {
    usage(`--detach: with launcher ${ready.cluster.launcher} everything ends with this process`);
  }
  const reporter = await createReporter({ json: isGiven(args, 'json') });
  let release = (): void => {};
  try {
    const ending = await launchCluster(ready, {
      detach,
      listener: listenerOf(reporter),
      onRunning: (running) => {
        release = handleInterrupts(running, reporter.note);
      },
    });
    if (detach) {
      reporter.note(`handed over: ${ownCommand()} launch status -f ${ready.cluster.path}`);
      return 0;
    }
    noteEnding(ready, ending, reporter);
    return ending?.event === 'done' ? 0 : 1;
  } finally {
    release();
    reporter.close();
  }
}

/** The coordinator's events as if they were of a run of this process; what others say, with their name. */
function listenerOf(reporter: Reporter): LaunchListener {
  return {
    event: (event) => reporter.event(event as unknown as RunEvent),
    line: (name, line) => reporter.note(`${name.padEnd(11)} ${line}`),
    note: (text) => reporter.note(text),
  };
}

function noteEnding({ cluster, folder }: PreparedLaunch, ending: CoordinatorEvent | null, reporter: Reporter): void {
  if (ending === null) {
    reporter.note(`the run ended without a result; what was said is in ${folder.logs}`);
    return;
  }
  if (ending.event === 'error') {
    // A reporter for people leaves errors to whoever ends the command.
    if (!reporter.showsErrors) reporter.note(`error: ${String(ending.message)} [${String(ending.code)}]`);
    reporter.note(`logs        ${folder.logs}`);
    // Its own message may name a path of a container.
    reporter.note(`to go on    ${ownCommand()} launch -f ${cluster.path}, once that is mended`);
    return;
  }
  reporter.note(`run         ${cluster.out}`);
  if (ending.interrupted === true) reporter.note(`to go on    ${ownCommand()} launch -f ${cluster.path}`);
}

async function status(args: Args): Promise<number> {
  const ready = await prepared(args);
  const { runningRecord, submittedRunStatus, submittedStatus } = await import('@gantry/launch');
  const { cluster } = ready;
  const record = runningRecord(ready);
  const told = await submittedStatus(ready);
  const where = record.pid === 0 ? 'handed over' : `by process ${record.pid}`;
  const head = `launch      ${cluster.name}: ${cluster.launcher}, ${plural(record.workers, 'worker')}, ${where}`;
  const { readStatus } = await import('@gantry/coordinator');
  const { asText } = await import('./status.js');
  const elsewhere = (await submittedRunStatus(ready)) as RunStatusReport | null;
  const run = elsewhere ?? (await readStatus(cluster.out).catch((error: GantryError) => error));
  if (isGiven(args, 'json')) {
    const report = run instanceof Error ? null : run;
    process.stdout.write(`${JSON.stringify({ event: 'launch-status', ...record, scheduler: told, run: report })}\n`);
    return 0;
  }
  const shown = run instanceof Error ? `run         ${run.message}` : asText(run, Date.now());
  process.stdout.write([head, ...(told === null ? [] : [told.trimEnd()]), shown, ''].join('\n'));
  return 0;
}

async function logs(args: Args): Promise<number> {
  const ready = await prepared(args);
  const { readLogs } = await import('@gantry/launch');
  for await (const { name, line } of readLogs(ready)) process.stdout.write(`${name.padEnd(11)} ${line}\n`);
  return 0;
}

async function stop(args: Args): Promise<number> {
  const ready = await prepared(args);
  const { stopLaunch } = await import('@gantry/launch');
  await stopLaunch(ready);
  process.stderr.write(
    `stopped     ${ready.cluster.name}; what was reached is in ${join(ready.cluster.out, 'checkpoints')}\n`,
  );
  return 0;
}

async function scale(args: Args): Promise<number> {
  const ready = await prepared(args);
  const workers = wholeOf(args, 'workers', { min: 1, max: 256 })!;
  const { scaleLaunch } = await import('@gantry/launch');
  await scaleLaunch(ready, workers);
  process.stderr.write(
    `asked for ${plural(workers, 'worker')}: ${ownCommand()} launch status -f ${ready.cluster.path} shows who is there\n`,
  );
  return 0;
}

async function schema(): Promise<number> {
  const { clusterJsonSchema } = await import('@gantry/launch');
  process.stdout.write(`${JSON.stringify(clusterJsonSchema(), null, 2)}\n`);
  return 0;
}
