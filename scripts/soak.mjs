// `npm run test:soak -- NAME …`: tests that are too long for `npm test`, each as long as it takes. Environment: fuzz reads
// GANTRY_FUZZ_INPUTS (per parser) and GANTRY_FUZZ_SEED; without a seed it takes a new one, and prints it; sim reads
// GANTRY_SIM_SEEDS, chaos GANTRY_CHAOS_FAULTS and GANTRY_CHAOS_SEED, restarts GANTRY_COORDINATOR_KILLS and
// GANTRY_COORDINATOR_SEED, partitions GANTRY_VANISHED_HOSTS.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');

function start(file, env, output) {
  const options = { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', output, 'inherit'] };
  return spawn(process.execPath, [VITEST, 'run', file], options);
}

/** Runs one file of tests in a process of its own, beside others: how far it is comes as it is told, its results as a whole. */
function runFile(file, env) {
  return new Promise((resolve) => {
    const child = start(file, env, 'pipe');
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.on('close', (code) => {
      process.stdout.write(Buffer.concat(output));
      resolve(code === 0);
    });
  });
}

/** Alone: what it prints comes as it is printed. */
function runAlone(file, env) {
  return new Promise((resolve) => start(file, env, 'inherit').on('close', (code) => resolve(code === 0)));
}

/** Every parser's file, as many at a time as there are processors; `fuzz:idx` is one parser alone. */
async function fuzz(parser) {
  const env = {
    GANTRY_FUZZ_INPUTS: process.env.GANTRY_FUZZ_INPUTS ?? '10000000',
    GANTRY_FUZZ_SEED: process.env.GANTRY_FUZZ_SEED ?? String(Math.floor(Date.now() / 1000)),
  };
  const names = readdirSync(join(ROOT, 'test', 'fuzz')).filter((name) => name.endsWith('.test.ts'));
  const files = names.filter((name) => parser === undefined || name === `${parser}.test.ts`);
  if (files.length === 0) throw new Error(`no parser ${parser}; there are ${names.join(', ')}`);
  console.log(`fuzz: ${env.GANTRY_FUZZ_INPUTS} inputs a parser, seed ${env.GANTRY_FUZZ_SEED}: ${files.join(', ')}`);
  let passed = true;
  const runNext = async () => {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      if (!(await runFile(`test/fuzz/${file}`, env))) passed = false;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, runNext));
  return passed;
}

/** Simulated clusters, seed by seed, a share of them to each processor. `sim:SEED` begins with that one. */
async function sim(first = '1') {
  const processes = availableParallelism();
  const seeds = Math.ceil(Number(process.env.GANTRY_SIM_SEEDS ?? 100_000) / processes);
  console.log(`sim: seeds ${first} to ${Number(first) + processes * seeds - 1}`);
  const shares = Array.from({ length: processes }, (_, index) => {
    const env = { GANTRY_SIM_SEEDS: String(seeds), GANTRY_SIM_FIRST: String(Number(first) + index * seeds) };
    return runFile('test/sim/sim.test.ts', env);
  });
  return (await Promise.all(shares)).every((passed) => passed);
}

/** One file of tests, with its count and its seed from the environment, or as many as a soak is for. */
function counted(file, variable, count) {
  return () => runAlone(file, { [variable]: process.env[variable] ?? String(count) });
}

const SOAKS = {
  fuzz,
  sim,
  chaos: counted('test/chaos/chaos.test.ts', 'GANTRY_CHAOS_FAULTS', 1_000),
  restarts: counted('test/integration/restarts.test.ts', 'GANTRY_COORDINATOR_KILLS', 50),
  partitions: counted('test/integration/partitions.test.ts', 'GANTRY_VANISHED_HOSTS', 100),
};

let failed = 0;
const names = process.argv.slice(2);
if (names.length === 0) {
  console.error(`usage: npm run test:soak -- NAME[:PART] …; names: ${Object.keys(SOAKS).join(', ')}`);
  process.exit(2);
}
for (const argument of names) {
  const [name, part] = argument.split(':');
  if (!Object.hasOwn(SOAKS, name)) {
    console.error(`no soak ${name}; there are ${Object.keys(SOAKS).join(', ')}`);
    process.exit(2);
  }
  const passed = await SOAKS[name](part);
  console.log(`soak ${argument}: ${passed ? 'passed' : 'FAILED'}`);
  if (!passed) failed++;
}
process.exit(failed === 0 ? 0 : 1);
