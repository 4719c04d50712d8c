// `node test/bench/launchers.mjs CLUSTER.yaml …`: of each cluster file, how long it takes from the command to the first committed
// update, and for how long no step ends while it is scaled 2 → 4 → 1. Steps are told in batches, every 250 ms: see METRICS_FLUSH_MS.
import { spawn, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const GANTRY = fileURLToPath(new URL('../../packages/cli/bin/gantry.js', import.meta.url));
const QUIET_MS = 5_000;

async function measure(file) {
  const started = performance.now();
  const run = spawn(process.execPath, [GANTRY, 'launch', '-f', file, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const events = [];
  let rest = '';
  run.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.startsWith('{')) events.push({ ...JSON.parse(line), atMs: performance.now() });
  });
  const until = async (matches) => {
    for (;;) {
      const found = events.find(matches);
      if (found !== undefined) return found;
      if (run.exitCode !== null) throw new Error(`${file}: the launch ended with ${run.exitCode}`);
      await sleep(20);
    }
  };
  const first = await until(({ event, step }) => event === 'progress' && step >= 1);
  const { runDirectory } = await until(({ event }) => event === 'start');
  const grown = watchGrowth(join(localPath(file, runDirectory), 'metrics.jsonl'));
  await sleep(QUIET_MS);
  const quietMs = longest(grown.times, 0);
  const scaledAt = performance.now();
  for (const count of [4, 1]) {
    const from = performance.now();
    spawnSync(process.execPath, [GANTRY, 'launch', 'scale', String(count), '-f', file], { stdio: 'ignore' });
    await until(({ event, members, atMs }) => event === 'ready' && members.length === count && atMs > from);
    await sleep(2_000);
  }
  const scalingMs = longest(grown.times, scaledAt);
  grown.stop();
  run.kill('SIGINT');
  await new Promise((resolve) => run.on('close', resolve));
  return { file, firstMs: first.atMs - started, quietMs, scalingMs };
}

/** With containers the coordinator sees another path. */
function localPath(file, runDirectory) {
  const status = spawnSync(process.execPath, [GANTRY, 'launch', 'status', '-f', file, '--json'], { encoding: 'utf8' });
  return status.status === 0 ? JSON.parse(status.stdout).out : runDirectory;
}

function watchGrowth(path) {
  const times = [];
  let size = 0;
  const timer = setInterval(() => {
    const now = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (now > size) times.push(performance.now());
    size = now;
  }, 10);
  return { times, stop: () => clearInterval(timer) };
}

function longest(times, from) {
  const within = times.filter((time) => time >= from);
  return Math.max(0, ...within.slice(1).map((time, index) => time - within[index]));
}

for (const file of process.argv.slice(2)) {
  const { firstMs, quietMs, scalingMs } = await measure(file);
  const seconds = (ms) => (ms / 1000).toFixed(2);
  console.log(
    `${file}: first step after ${seconds(firstMs)} s; longest time without a finished step: ${seconds(quietMs)} s undisturbed, ` +
      `${seconds(scalingMs)} s while scaled 2 → 4 → 1`,
  );
}
