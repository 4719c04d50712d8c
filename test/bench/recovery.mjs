// From SIGKILL of a worker until training goes on: `node test/bench/recovery.mjs [KILLS] [TRANSPORT]`, 100 and shm by default.
// "regrouped" is until the word that lets the next generation begin, "told" until a step of it is told of (steps are told
// of some times a second). The machine should be idle.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const GANTRY = fileURLToPath(new URL('../../packages/cli/bin/gantry.js', import.meta.url));
const kills = Number(process.argv[2] ?? 100);
const transport = process.argv[3] ?? 'shm';
/** Kills in one run: a worker is started again later with every time. */
const KILLS_A_RUN = 10;
const settings = { preset: 'mlp', steps: 10_000_000, workers: 2, transport, 'max-restarts': 1_000_000 };
const regrouped = [];
const told = [];
let lost = 0;

/** One run, in which workers are killed in turn, each when all are there again. */
function runOnce(count) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'gantry-bench-'));
  const options = { ...settings, 'sample-every': 0, 'checkpoint-every': 0, out: path.join(folder, 'run') };
  const args = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const run = spawn(process.execPath, [GANTRY, 'train', '--json', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let done = 0;
  let killedMs = null;
  let hasRegrouped = false;
  let lastUpdate = 0;

  const kill = (members) => {
    if (done === count) {
      run.kill('SIGINT');
      return;
    }
    killedMs = performance.now();
    hasRegrouped = false;
    process.kill(members[done++ % members.length].pid, 'SIGKILL');
  };
  const onEvent = (event) => {
    const nowMs = performance.now();
    if (event.event === 'ready' && killedMs !== null && !hasRegrouped) {
      hasRegrouped = true;
      regrouped.push(nowMs - killedMs);
      // Steps that had been told of must not be begun anew.
      if (event.update < lastUpdate) lost++;
    } else if (event.event === 'ready' && event.members.length === settings.workers) {
      setTimeout(() => kill(event.members), 300 + 37 * done);
    } else if (event.event === 'progress') {
      lastUpdate = Math.max(lastUpdate, 2 * event.step);
      if (!hasRegrouped || killedMs === null) return;
      told.push(nowMs - killedMs);
      killedMs = null;
    }
  };
  let text = '';
  run.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop();
    for (const line of lines) if (line.startsWith('{')) onEvent(JSON.parse(line));
  });
  return new Promise((resolve) => {
    run.on('close', () => {
      rmSync(folder, { recursive: true, force: true });
      resolve();
    });
  });
}

function quantiles(name, values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]);
  console.log(
    `${name}: median ${at(0.5)} ms, p90 ${at(0.9)}, p99 ${at(0.99)}, longest ${at(1)} (${sorted.length} kills)`,
  );
}

for (let left = kills; left > 0; left -= KILLS_A_RUN) await runOnce(Math.min(left, KILLS_A_RUN));
quantiles(`regrouped, ${transport}`, regrouped);
quantiles(`told, ${transport}`, told);
console.log(`kills after which updates that had been told of were begun anew: ${lost}`);
console.log(`${os.cpus().length} cores, load ${readFileSync('/proc/loadavg', 'utf8').trim()}`);
