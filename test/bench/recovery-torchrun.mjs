// What PyTorch's elastic launcher does with the kill of test/bench/recovery.mjs: `node test/bench/recovery-torchrun.mjs [KILLS]
// [SECONDS]`, 20 by default, and how often the launcher looks after its ranks (its own default where it is not given).
// "steps again" is until rank 0 tells of any step, "caught up" until it has done the last one again that it had told of.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('peers/gan_elastic.py', import.meta.url));
const PYTHON = process.env.GANTRY_BENCH_PYTHON ?? (existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3');
const RANKS = 2;
const kills = Number(process.argv[2] ?? 20);
const interval = process.argv[3];
const folder = mkdtempSync(path.join(os.tmpdir(), 'gantry-bench-'));
const again = [];
const caughtUp = [];
const lost = [];

const launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', RANKS, '--max_restarts', 100_000];
// Debian's launcher fails on its own default of no redirection (on Python 3.11 and later): standard output goes through a file.
launcher.push('--redirects', 1, '--tee', 1, '--log_dir', folder);
if (interval !== undefined) launcher.push('--monitor_interval', interval);
const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' };
const child = spawn(PYTHON, [...launcher, SCRIPT, '--folder', folder].map(String), {
  env,
  stdio: ['ignore', 'pipe', 'ignore'],
});

/** By rank, the newest. */
const ranks = new Map();
let killedMs = null;
let reached = 0;
let told = 0;
let isAgain = false;
let timer = null;

function kill() {
  timer = null;
  const pid = ranks.get(again.length % RANKS);
  ranks.clear();
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended by itself: the launcher starts all anew, and the next kill is of those.
    return;
  }
  told = reached;
  isAgain = false;
  killedMs = performance.now();
}

function onEvent({ event, rank, pid, step, from }) {
  const nowMs = performance.now();
  if (event === 'start') {
    ranks.set(rank, pid);
    if (killedMs !== null && rank === 0) lost.push(told - from);
  } else if (killedMs === null) {
    reached = step;
    // As in the other bench: some steps later, at another place of a checkpoint's interval each time.
    if (timer === null && ranks.size === RANKS) timer = setTimeout(kill, 300 + 37 * again.length);
  } else if (ranks.size === RANKS) {
    if (!isAgain) again.push(nowMs - killedMs);
    isAgain = true;
    if (step < told) return;
    caughtUp.push(nowMs - killedMs);
    killedMs = null;
    if (again.length === kills) child.kill('SIGTERM');
  }
}

let text = '';
child.stdout.setEncoding('utf8').on('data', (chunk) => {
  text += chunk;
  const lines = text.split('\n');
  text = lines.pop();
  for (const line of lines) if (line.includes('{"event"')) onEvent(JSON.parse(line.slice(line.indexOf('{'))));
});
await new Promise((resolve) => child.on('close', resolve));
rmSync(folder, { recursive: true, force: true });

function quantiles(name, values, unit) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]);
  console.log(`${name}: median ${at(0.5)} ${unit}, p90 ${at(0.9)}, longest ${at(1)} (${sorted.length} kills)`);
}

quantiles('steps again', again, 'ms');
quantiles('caught up', caughtUp, 'ms');
quantiles('steps done again', lost, 'steps');
console.log(`${os.cpus().length} cores, load ${readFileSync('/proc/loadavg', 'utf8').trim()}`);
