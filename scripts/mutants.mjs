// `npm run test:mutants [-- NAME …]`: plants one bug after the other (test/mutants/mutants.mjs) into a copy of the tree, and
// runs the test that must see it. Fails if one survives. Environment: GANTRY_MUTANT_SEEDS, the simulator's seeds a mutant.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MUTANTS } from '../test/mutants/mutants.mjs';
import { plant } from '../test/mutants/plant.mjs';
import { build, makeCopy, runTest } from '../test/mutants/tree.mjs';

const SEEDS = Number(process.env.GANTRY_MUTANT_SEEDS ?? 2000);

function select(names) {
  const unknown = names.filter((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown.length === 0) return names.length === 0 ? MUTANTS : MUTANTS.filter(({ name }) => names.includes(name));
  console.error(`no mutant ${unknown.join(', ')}; there are ${MUTANTS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const seconds = (sinceMs) => `${((performance.now() - sinceMs) / 1000).toFixed(0)} s`;

/** A test that fails anyway would catch every mutant. */
async function expectSound(tree, tests) {
  for (const test of tests) {
    const begunMs = performance.now();
    const { failed, message } = await runTest(tree, test, SEEDS);
    if (failed) throw new Error(`without a mutant ${test} fails: ${message}`);
    console.log(`sound without a mutant: ${test} (${seconds(begunMs)})`);
  }
}

/** What the compiler has made of a source file. */
function builtText(tree, file) {
  return readFileSync(join(tree, file.replace('/src/', '/dist/').replace(/\.ts$/, '.js')), 'utf8');
}

/** What its test says of the mutant; null: nothing. Throws where the mutant is none. */
async function complaint(tree, mutant) {
  const before = builtText(tree, mutant.file);
  const heal = plant(tree, mutant);
  try {
    build(tree);
    if (builtText(tree, mutant.file) === before) throw new Error('it changes nothing that runs');
    const { failed, message } = await runTest(tree, mutant.caughtBy, SEEDS);
    return failed ? message : null;
  } finally {
    heal();
    build(tree);
  }
}

async function isCaught(tree, mutant) {
  const begunMs = performance.now();
  const tell = (how) => console.log(`${mutant.name.padEnd(32)} ${how} (${seconds(begunMs)})`);
  try {
    const message = await complaint(tree, mutant);
    tell(message === null ? `SURVIVED ${mutant.caughtBy}` : `caught by ${mutant.caughtBy}: ${message}`);
    return message !== null;
  } catch (error) {
    tell(`is no mutant: ${error.message}`);
    return false;
  }
}

const mutants = select(process.argv.slice(2));
const { tree, remove } = makeCopy();
process.on('exit', remove);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
build(tree);
await expectSound(tree, new Set(mutants.map(({ caughtBy }) => caughtBy)));
const survivors = [];
for (const mutant of mutants) if (!(await isCaught(tree, mutant))) survivors.push(mutant);
console.log(`\n${mutants.length - survivors.length} of ${mutants.length} mutants caught`);
for (const { name, bug } of survivors) console.log(`survived: ${name}: ${bug}`);
process.exit(survivors.length === 0 ? 0 : 1);
