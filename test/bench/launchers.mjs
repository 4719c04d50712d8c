// `node test/bench/launchers.mjs CLUSTER.yaml …`: of each cluster file, how long it takes from the command to the first committed
// update, and for how long no step ends while it is scaled 2 → 4 → 1, by the times in metrics.jsonl.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
  const metrics = join(localPath(file, runDirectory), 'metrics.jsonl');
  await sleep(QUIET_MS);
  const scaledAt = Date.now();
  for (const count of [4, 1]) {
    const from = performance.now();
    spawnSync(process.execPath, [GANTRY, 'launch', 'scale', String(count), '-f', file], { stdio: 'ignore' });
    await until(({ event, members, atMs }) => event === 'ready' && members.length === count && atMs > from);
    await sleep(2_000);
  }
  const scaledUntil = Date.now();
  run.kill('SIGINT');
  await new Promise((resolve) => run.on('close', resolve));
  const ends = stepEnds(metrics);
  const quietMs = longest(ends, scaledAt - QUIET_MS, scaledAt);
  return { file, firstMs: first.atMs - started, quietMs, scalingMs: longest(ends, scaledAt, scaledUntil) };
}

/** With containers the coordinator sees another path. */
function localPath(file, runDirectory) {
  const status = spawnSync(process.execPath, [GANTRY, 'launch', 'status', '-f', file, '--json'], { encoding: 'utf8' });
  return status.status === 0 ? JSON.parse(status.stdout).out : runDirectory;
}

function stepEnds(path) {
  const rows = readFileSync(path, 'utf8').trim().split('\n');
  return rows.map((row) => JSON.parse(row).endedMs).sort((a, b) => a - b);
}

/** Longest time between two ends, of which the later one lies in between. */
function longest(ends, from, to) {
  return Math.max(0, ...ends.map((end, i) => (i > 0 && end >= from && end <= to ? end - ends[i - 1] : 0)));
}

for (const file of process.argv.slice(2)) {
  const { firstMs, quietMs, scalingMs } = await measure(file);
  const seconds = (ms) => (ms / 1000).toFixed(2);
  console.log(
    `${file}: first step after ${seconds(firstMs)} s; longest time without a finished step: ${seconds(quietMs)} s undisturbed, ` +
      `${seconds(scalingMs)} s while scaled 2 → 4 → 1`,
  );
}
