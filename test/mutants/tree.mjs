import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** A test that runs longer hangs. */
const TEST_MS_MAX = 900_000;
const OWN_SCOPE = '@gantry';
const SIM = 'test/sim/sim.test.ts > keeps its promises';

/**
 * A copy of the working tree's tracked files. Its node_modules leads to this tree's for everything from outside, and to the
 * copy's own packages for what is mutated.
 */
export function makeCopy() {
  const tree = realpathSync(mkdtempSync(join(tmpdir(), 'gantry-mutants-')));
  const remove = () => rmSync(tree, { recursive: true, force: true });
  try {
    copyTracked(tree);
    allowUnused(tree);
    linkModules(tree);
    expectOwnPackages(tree);
  } catch (error) {
    remove();
    throw error;
  }
  return { tree, remove };
}

function copyTracked(tree) {
  const listed = spawnSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`);
  for (const file of listed.stdout.split('\0')) {
    if (file === '' || !existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(tree, file));
  }
}

/** A mutant may leave something without use: that is not what shall be noticed. */
function allowUnused(tree) {
  const path = join(tree, 'tsconfig.base.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace(/("noUnused\w+"): true/g, '$1: false'));
}

function linkModules(tree) {
  const [from, to] = [join(ROOT, 'node_modules'), join(tree, 'node_modules')];
  mkdirSync(join(to, OWN_SCOPE), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== OWN_SCOPE && !name.startsWith('.')) symlinkSync(join(from, name), join(to, name));
  }
  for (const name of readdirSync(join(tree, 'packages'))) {
    symlinkSync(join('..', '..', 'packages', name), join(to, OWN_SCOPE, name));
  }
}

/** Else the tests would run the code without the mutant. */
function expectOwnPackages(tree) {
  for (const name of readdirSync(join(tree, 'node_modules', OWN_SCOPE))) {
    const led = realpathSync(join(tree, 'node_modules', OWN_SCOPE, name));
    if (led !== join(tree, 'packages', name)) throw new Error(`${OWN_SCOPE}/${name} is ${led}, not the copy's`);
  }
}

/** Builds what has changed. */
export function build(tree) {
  const compiler = join(tree, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-b'], { cwd: tree, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the copy does not build:\n${stdout}`);
}

/**
 * Runs one test of the copy until its first failure.
 *
 * @param test `sim`, a file, or `FILE > part of a title`
 * @param seeds of the simulator, at most
 */
export async function runTest(tree, test, seeds) {
  const report = join(tree, 'report.json');
  rmSync(report, { force: true });
  const [file, title] = (test === 'sim' ? SIM : test).split(' > ');
  const which = title === undefined ? [file] : [file, '-t', title];
  const vitest = join(tree, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '--bail', '1', '--reporter=json', `--outputFile=${report}`, ...which];
  const env = { ...process.env, GANTRY_SIM_SEEDS: String(seeds), GANTRY_SIM_FIRST: '1' };
  const { code, isLate } = await runWithin(TEST_MS_MAX, args, { cwd: tree, env });
  if (isLate) return { failed: true, message: 'it hangs' };
  return readReport(report, code);
}

/** Runs Node in a group of its own, which is ended as a whole: a test's process that loops hears nothing of its parent's end. */
function runWithin(ms, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { ...options, stdio: 'ignore', detached: true });
    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, ms);
    process.once('exit', end);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('exit', end);
      end();
      resolve({ code, isLate });
    });
  });
}

function readReport(report, status) {
  if (!existsSync(report)) throw new Error(`vitest ended with ${status} and without a report`);
  const { testResults, numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
  if (numPassedTests + numFailedTests === 0 && status === 0) throw new Error('no test ran');
  const found = testResults.flatMap(({ assertionResults }) => assertionResults).find((one) => one.status === 'failed');
  const text = found?.failureMessages[0] ?? testResults.find(({ message }) => message)?.message ?? '';
  return { failed: status !== 0, message: summary(found?.title, text) };
}

/** The first line of what it says. */
function summary(title, text) {
  const line = text.replace(/^\w*Error: /, '').split('\n')[0];
  const shown = line.length > 160 ? `${line.slice(0, 160)} …` : line;
  return line.startsWith('seed ') || title === undefined ? shown : `"${title}": ${shown}`;
}
