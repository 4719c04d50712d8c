// Runs one contender once and reads its JSON lines. Every figure in docs/benchmarks.md comes through here.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const GANTRY = join(HERE, '..', '..', 'packages', 'cli', 'bin', 'gantry.js');
/** Debian's own Python, for which python3-torch is packaged; another one by GANTRY_BENCH_PYTHON. */
const PYTHON = process.env.GANTRY_BENCH_PYTHON ?? (existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3');
const BASE_PORT = 29_700;
let ports = 0;

function jsonLines(text) {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.stderr || result.error}`);
  return jsonLines(result.stdout);
}

export function hasTorch() {
  return spawnSync(PYTHON, ['-c', 'import torch, torch.distributed'], { stdio: 'ignore' }).status === 0;
}

let mpiBinary = null;
const mpiFolder = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
process.on('exit', () => rmSync(mpiFolder, { recursive: true, force: true }));

export function hasMpi() {
  if (mpiBinary !== null) return true;
  const binary = join(mpiFolder, 'allreduce_mpi');
  const built = spawnSync('mpicc', ['-O3', '-o', binary, join(HERE, 'peers', 'allreduce_mpi.c')], { stdio: 'ignore' });
  if (built.status === 0) mpiBinary = binary;
  return built.status === 0;
}

/**
 * One thread a process also for OpenBLAS, whose pthread build does not listen to `torch.set_num_threads`: without this, one
 * "single-threaded" PyTorch process takes every idle core for its matrix products. With several ranks it is faster so, too.
 */
const ONE_THREAD = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' };

/** PyTorch: one rank alone, or DDP + Gloo. `batch` is global; `allCores`: OpenBLAS takes what it finds. */
export function torchTrain({ workers, batch, steps, allCores = false }) {
  const args = [
    join(HERE, 'peers', 'gan_ddp.py'),
    '--ranks',
    workers,
    '--batch',
    batch,
    '--steps',
    steps,
    '--port',
    BASE_PORT + (ports++ % 200),
  ];
  return run(PYTHON, args.map(String), { env: allCores ? process.env : ONE_THREAD }).at(-1).images_per_s;
}

/** Gantry's own training bench; the whole JSON object. */
export function gantryTrain({ workers, batch, steps, preset = 'mlp-plain', extra = [] }) {
  const args = [
    GANTRY,
    'bench',
    'train',
    '--preset',
    preset,
    '--updates',
    'alternating',
    '--workers',
    workers,
    '--batch',
    batch,
    '--steps',
    steps,
    '--json',
    ...extra,
  ];
  const rows = run(process.execPath, args.map(String)).filter((row) => row.imagesPerSecond !== undefined);
  return rows.at(-1);
}

export function glooAllreduce({ workers, bytes }) {
  const args = [
    join(HERE, 'peers', 'allreduce_gloo.py'),
    '--ranks',
    workers,
    '--port',
    BASE_PORT + (ports++ % 200),
    '--bytes',
    ...bytes,
  ];
  return run(PYTHON, args.map(String)).map((row) => ({ bytes: row.bytes, ms: row.ms_median }));
}

export function mpiAllreduce({ workers, bytes, tcp }) {
  const network = tcp ? ['--mca', 'btl', 'self,tcp', '--mca', 'btl_tcp_if_include', 'lo'] : [];
  const args = ['--allow-run-as-root', '--oversubscribe', ...network, '-n', workers, mpiBinary, ...bytes];
  return run('mpirun', args.map(String)).map((row) => ({ bytes: row.bytes, ms: row.ms_median }));
}

export function gantryAllreduce({ workers, bytes, transport }) {
  const args = [
    GANTRY,
    'bench',
    'allreduce',
    '--workers',
    workers,
    '--transport',
    transport,
    '--json',
    '--bytes',
    ...bytes,
  ];
  return run(process.execPath, args.map(String))
    .filter((row) => row.msMedian !== undefined)
    .map((row) => ({ bytes: row.bytes, ms: row.msMedian }));
}

/**
 * Milliseconds from starting the command: to the start of the coordinator, to all workers being ready, and to the first
 * step (D's and G's first updates) being committed and heard of.
 */
export function gantryStart({ workers }) {
  const out = mkdtempSync(join(tmpdir(), 'gantry-start-'));
  try {
    const args = [
      GANTRY,
      'train',
      '--workers',
      workers,
      '--steps',
      5,
      '--sample-every',
      0,
      '--out',
      join(out, 'run'),
      '--json',
    ];
    const rows = run(process.execPath, args.map(String));
    const at = (name) => rows.find((row) => row.event === name).elapsedMs;
    return { started: at('start'), joined: at('joined'), ready: at('ready'), firstStep: at('progress') };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Hosts in network namespaces, which are made by what the tests make them with; the tables are published from there. */
export function hosts(name, { rounds, write }) {
  const vitest = join(HERE, '..', '..', 'node_modules', 'vitest', 'vitest.mjs');
  const env = { ...process.env, GANTRY_BENCH_ROUNDS: String(rounds), GANTRY_BENCH_WRITE: write ? '1' : '' };
  const options = { cwd: join(HERE, '..', '..'), env, stdio: 'inherit' };
  const { status } = spawnSync(
    process.execPath,
    [vitest, 'run', '--project', 'bench', `test/bench/${name}.measure.ts`],
    options,
  );
  if (status !== 0) throw new Error(`bench ${name} failed`);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
