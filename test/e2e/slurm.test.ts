import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doneOf, type Event, eventually, GANTRY, gantry, trainArguments, Workspace } from '../support/gantry.js';
import { SlurmCluster, slurmProblem } from '../support/slurm.js';

const STEPS = 100;
/** Never reached: Slurm takes its time to act, so what is to happen in the middle has no end to race with. */
const STEPS_ENDLESS = 1_000_000;
/** From one thing that happens to the next. */
const STEPS_APART = 20;
const NODES = 3;
const NODE = process.execPath;

const problem = slurmProblem();
const work = new Workspace();

/** Where job and test meet, in the folder that all nodes share. */
interface Job {
  readonly id: string;
  readonly out: string;
}

/** What srun starts: `sh TASK`, where the coordinator goes with the first task, or a worker alone. */
function shellWords(cluster: SlurmCluster, out: string, steps: number) {
  const keys = join(cluster.folder, 'keys');
  const [, ...options] = trainArguments(out, { steps, workers: NODES, 'checkpoint-every': 100 });
  // srun is called on the first node, so this is the address of the coordinator for everybody; each job has a port.
  const endpoint = 'tcp://$SLURM_LAUNCH_NODE_IPADDR:$((20000 + SLURM_JOB_ID % 10000))';
  const run = `${NODE} ${GANTRY}`;
  const resumed = `${run} coordinator --json --resume --out ${out} --keys ${keys} --bind ${endpoint}`;
  const begun = `${run} coordinator ${options.join(' ')} --keys ${keys} --bind ${endpoint}`;
  return {
    // A run that has not even begun has nothing to be resumed.
    coordinator: `if [ -e ${out}/journal.json ]; then ${resumed}; else ${begun}; fi >> ${out}.events`,
    // Named as its key is; its host id is the host's name, which differs from node to node.
    worker: `${run} worker --join ${endpoint} --keys ${keys}/$SLURMD_NODENAME.key`,
  };
}

/** One step for all: the first task of it has the coordinator beside its worker. Put back into the queue if it did not end. */
function oneStepScript(cluster: SlurmCluster, out: string, steps: number): string {
  const { coordinator, worker } = shellWords(cluster, out, steps);
  return `#!/bin/bash
#SBATCH --nodes=${NODES} --ntasks-per-node=1 --requeue --open-mode=append --output=${out}.log
cat > ${out}.task <<'TASK'
# All processes of a task get its signals: the shell only waits for the others.
trap : TERM
if [ "$SLURM_PROCID" = 0 ]; then (trap : TERM; ${coordinator}) & fi
${worker}
wait
TASK
srun sh ${out}.task
# Whoever ends in good order within the grace time counts as done, and would not be started again.
if ! grep -q '"event":"done".*"interrupted":false' ${out}.events; then
  scontrol requeue $SLURM_JOB_ID
  sleep 60
fi
`;
}

/** A step for the coordinator and one for each worker, so that each can be cancelled; none takes the others along. */
function stepsScript(cluster: SlurmCluster, out: string, steps: number): string {
  const { coordinator, worker } = shellWords(cluster, out, steps);
  return `#!/bin/bash
#SBATCH --nodes=${NODES} --ntasks-per-node=1 --no-kill --output=${out}.log
cat > ${out}.coordinator <<'TASK'
trap : TERM
${coordinator}
TASK
cat > ${out}.worker <<'TASK'
exec ${worker}
TASK
one="srun --overlap --no-kill --nodes=1 --ntasks=1"
for node in $(scontrol show hostnames $SLURM_JOB_NODELIST); do
  $one --nodelist=$node --job-name=$node sh ${out}.worker &
done
$one --nodelist=$SLURMD_NODENAME --job-name=coordinator sh ${out}.coordinator
wait
`;
}

function eventsOf({ out }: Job): Event[] {
  if (!existsSync(`${out}.events`)) return [];
  const lines = readFileSync(`${out}.events`, 'utf8').split('\n');
  return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Event);
}

function stepOf(job: Job): number {
  const progress = eventsOf(job).findLast(({ event }) => event === 'progress');
  return (progress?.step as number | undefined) ?? 0;
}

function lastDone(job: Job): Event | undefined {
  return eventsOf(job).findLast(({ event }) => event === 'done');
}

function logOf({ out }: Job): string {
  return existsSync(`${out}.log`) ? readFileSync(`${out}.log`, 'utf8') : '';
}

async function bitsOfOne(steps: number): Promise<unknown> {
  return doneOf(await gantry(trainArguments(work.run(), { steps, workers: 1 }))).stateSha256;
}

describe.skipIf(problem !== '')(`Slurm${problem === '' ? '' : ` (skipped: ${problem})`}`, () => {
  let cluster: SlurmCluster;

  beforeAll(async () => {
    cluster = await SlurmCluster.start({ nodes: NODES });
    const keys = join(cluster.folder, 'keys');
    expect((await gantry(['keygen', '--out', keys, '--worker', ...cluster.nodes.map(({ name }) => name)])).code).toBe(
      0,
    );
  });

  afterAll(async () => {
    await cluster?.end();
    work.remove();
  });

  type Script = (cluster: SlurmCluster, out: string, steps: number) => string;

  async function submit(script: Script, steps: number): Promise<Job> {
    const out = join(cluster.folder, `run-${steps}-${script.name}`);
    return { id: await cluster.submit(script(cluster, out, steps), '--partition=train'), out };
  }

  async function untilStep(job: Job, step: number): Promise<void> {
    await eventually(() => stepOf(job) >= step, `job ${job.id} is at step ${step}: ${logOf(job)}`);
  }

  /** `scancel` asks all processes to end: the run is saved, in the bits of an undisturbed one of as many steps. */
  async function expectBitsWhenCancelled(job: Job): Promise<void> {
    await cluster.run('scancel', job.id);
    await cluster.untilState(job.id, 'CANCELLED');
    await expectNothingLeft();
    const done = lastDone(job);
    expect(done?.interrupted, logOf(job)).toBe(true);
    expect(done?.stateSha256).toBe(await bitsOfOne(done?.step as number));
  }

  async function expectNothingLeft(): Promise<void> {
    await eventually(() => cluster.processesOfJobs().length === 0, 'no process of a job is left');
  }

  it('a coordinator in the first of three tasks, a worker in each: the bits of one process', async () => {
    const job = await submit(oneStepScript, STEPS);
    await cluster.untilState(job.id, 'COMPLETED', 'FAILED', 'CANCELLED', 'NODE_FAIL');
    expect((await cluster.fieldsOf(job.id)).JobState, logOf(job)).toBe('COMPLETED');
    expect(lastDone(job)).toMatchObject({ interrupted: false, stateSha256: await bitsOfOne(STEPS) });
    await expectNothingLeft();
    const ready = eventsOf(job).find(({ event }) => event === 'ready');
    expect(ready?.network).toMatchObject({ hosts: NODES });
  });

  it('a preempted job saves, gives way, is put back into the queue, and goes on in the same bits', async () => {
    const job = await submit(oneStepScript, STEPS_ENDLESS);
    await untilStep(job, STEPS_APART);
    const urgent = await cluster.submit(`#!/bin/sh\nsleep 1\n`, `--nodes=${NODES}`, '--partition=urgent');
    await cluster.untilState(urgent, 'COMPLETED');
    expect(lastDone(job), logOf(job)).toMatchObject({ interrupted: true });
    await untilStep(job, stepOf(job) + STEPS_APART);
    expect((await cluster.fieldsOf(job.id)).Restarts).toBe('1');
    await expectBitsWhenCancelled(job);
  });

  it('one worker’s step is cancelled, and then a node set down: the others end in the same bits', async () => {
    const job = await submit(stepsScript, STEPS_ENDLESS);
    await untilStep(job, STEPS_APART);
    const steps = await cluster.run('squeue', '--steps', '--noheader', `--jobs=${job.id}`, '--format=%i %j');
    await cluster.run('scancel', /^(\S+) node-1$/m.exec(steps)![1]!);
    await eventually(() => lostOf(job).includes('node-1'), 'the worker of the cancelled step is gone');
    await cluster.run('scontrol', 'update', 'nodename=node-2', 'state=down', 'reason=test');
    await eventually(() => lostOf(job).includes('node-2'), 'the worker of the node that is down is gone');
    await untilStep(job, stepOf(job) + STEPS_APART);
    await expectBitsWhenCancelled(job);
    await cluster.run('scontrol', 'update', 'nodename=node-2', 'state=resume');
  });
});

function lostOf(job: Job): unknown[] {
  return eventsOf(job).flatMap(({ event, worker }) => (event === 'worker-lost' ? [worker] : []));
}
