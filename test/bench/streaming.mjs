// What it costs that a worker's data comes from its coordinator: `node test/bench/streaming.mjs [ROUNDS] [WORKERS]`, 5 and 2 by default.
// Pairs of runs in turn, with local data and with GANTRY_DATA=stream and an empty cache. Of each: images a second and the
// workers' own processor time a step, both after the first epoch, and the time until all were ready. The machine should be idle.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './measure.mjs';

const GANTRY = fileURLToPath(new URL('../../packages/cli/bin/gantry.js', import.meta.url));
const rounds = Number(process.argv[2] ?? 5);
const workers = Number(process.argv[3] ?? 2);
const BATCH = 128;
const EPOCH_STEPS = Math.ceil(60_000 / BATCH);
/** The second epoch, without its first steps. */
const [FROM, TO] = [EPOCH_STEPS + 20, 2 * EPOCH_STEPS];
/** The kernel's ticks a second, as /proc tells them. */
const TICKS = 100;

/** Milliseconds that a process has had of a processor. */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}

function run(mode) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gantry-bench-'));
  const options = { steps: 100_000, workers, batch: BATCH, 'sample-every': 0, 'checkpoint-every': 0 };
  const args = Object.entries({ ...options, out: path.join(folder, 'run') }).flatMap(([key, value]) => [
    `--${key}`,
    String(value),
  ]);
  const env = { ...process.env, GANTRY_DATA: mode, XDG_CACHE_HOME: path.join(folder, 'cache') };
  const child = spawn(process.execPath, [GANTRY, 'train', '--json', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let pids = [];
  let begin = null;
  let result = null;
  const look = (step) => ({ step, ms: performance.now(), cpu: pids.reduce((sum, pid) => sum + cpuMs(pid), 0) });
  const onEvent = (event) => {
    if (event.event === 'ready') {
      pids = event.members.map(({ pid }) => pid);
      result = { readyMs: event.startupMs };
    }
    if (event.event !== 'progress') return;
    if (begin === null && event.step >= FROM) begin = look(event.step);
    if (event.step < TO || result.imagesPerSecond !== undefined) return;
    const end = look(event.step);
    const steps = end.step - begin.step;
    result.imagesPerSecond = (steps * BATCH * 1000) / (end.ms - begin.ms);
    result.cpuMsPerStep = (end.cpu - begin.cpu) / steps;
    child.kill('SIGINT');
  };
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop();
    for (const line of lines) if (line.startsWith('{')) onEvent(JSON.parse(line));
  });
  return new Promise((resolve) => {
    child.on('close', () => {
      rmSync(folder, { recursive: true, force: true });
      resolve(result);
    });
  });
}

const of = { local: [], stream: [] };
for (let round = 0; round < rounds; round++) {
  for (const mode of ['local', 'stream']) of[mode].push(await run(mode));
  const told = ['local', 'stream'].map((mode) => {
    const { imagesPerSecond, cpuMsPerStep, readyMs } = of[mode].at(-1);
    return `${mode} ${imagesPerSecond.toFixed(0)} images/s, ${cpuMsPerStep.toFixed(2)} ms of processor a step, ready in ${readyMs.toFixed(0)} ms`;
  });
  console.log(told.join('; '));
}
for (const key of ['imagesPerSecond', 'cpuMsPerStep', 'readyMs']) {
  const ratio = median(of.stream.map((row, i) => row[key] / of.local[i][key]));
  console.log(`${key}: stream ÷ local ${ratio.toFixed(3)} (median of ${rounds} pairs)`);
}
