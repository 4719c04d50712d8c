// Installs and builds what is missing, so that `npm start` and `npm test` work on a fresh clone. No dependencies.
//   node scripts/setup.mjs           install when the lock file changed, build when the sources changed
//   node scripts/setup.mjs --build   the same (the name under which `npm run build` calls it)
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const NODE_MAJOR_MIN = 20;

function fail(message) {
  console.error(`gantry setup: ${message}`);
  process.exit(1);
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < NODE_MAJOR_MIN)
    fail(`Node ${process.versions.node} is too old; install Node ${NODE_MAJOR_MIN} or newer from https://nodejs.org`);
}

/** npm as this process's own Node would run it: the npm that started us, else the one on the PATH. */
function runNpm(args) {
  const script = process.env.npm_execpath;
  const useScript = script !== undefined && /npm-cli\.[cm]?js$/.test(script);
  const command = useScript ? process.execPath : 'npm';
  return spawnSync(command, useScript ? [script, ...args] : args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: !useScript && process.platform === 'win32',
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
}

/** What an install depends on: the lock file, and the platform for which native parts were chosen (they work in any Node). */
function installKey() {
  return createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .update(`${process.platform} ${process.arch}`)
    .digest('hex');
}

function install() {
  const stamp = join(ROOT, 'node_modules', '.gantry-setup');
  const key = installKey();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  console.error(
    'gantry setup: installing the packages of package-lock.json (once; some hundred packages, a minute or so) …',
  );
  const result = runNpm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  if (result.error) fail(`npm could not be started (${result.error.message}); install npm and run this again`);
  if (result.status !== 0)
    fail(
      'npm ci failed (its message is above). Check that the npm registry can be reached and the disk has 2 GB free, then run this again',
    );
  writeFileSync(stamp, key);
}

function build() {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [compiler, '-b'], { cwd: ROOT, stdio: 'inherit' });
  if (result.status !== 0) fail('the build failed: the compiler names the place above');
}

requireNode();
install();
build();
