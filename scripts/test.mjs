// `npm test [-- PATTERN …]`: unit tests, then the whole-system tests, which start real processes and so run one file at
// a time. Prints at the very end what failed in both, and one plain closing line.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const patterns = process.argv.slice(2);
const failures = [];

/** What failed, in words: logs are long, and often only their end is kept. */
function failuresOf(testResults) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(ROOT, name);
    const tests = assertionResults.filter((test) => test.status === 'failed');
    if (tests.length === 0) return status === 'failed' ? [`${file}: ${message}`] : [];
    return tests.map(({ fullName, failureMessages }) => `${file}: ${fullName}\n${failureMessages.join('\n')}`);
  });
}

/** Runs one vitest project; returns its counts. A run that dies without a report counts as one failure. */
function runProject(project) {
  const report = join(tmpdir(), `gantry-test-${process.pid}-${project}.json`);
  const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const result = spawnSync(process.execPath, [vitest, ...args, '--passWithNoTests', ...patterns], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  try {
    const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const failed = numFailedTests || (result.status === 0 ? 0 : 1);
    failures.push(...failuresOf(testResults));
    return { passed: numPassedTests, failed, skipped: numPendingTests };
  } catch {
    return { passed: 0, failed: result.status === 0 ? 0 : 1, skipped: 0 };
  } finally {
    rmSync(report, { force: true });
  }
}

const total = { passed: 0, failed: 0, skipped: 0 };
for (const project of ['unit', 'system']) {
  const counts = runProject(project);
  for (const key of Object.keys(total)) total[key] += counts[key];
}
if (total.passed + total.failed === 0) {
  console.error('no test ran: nothing matches the pattern');
  total.failed = 1;
}
for (const failure of failures) console.log(`\nfailed: ${failure}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);
