// Takes out of node_modules what a run on this platform never opens: `node prune-modules.mjs node_modules`. The image is
// half as large afterwards. Says what it saved; `gantry doctor` and the tests on the image say that nothing was missed.
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve, sep } from 'node:path';

const modules = resolve(process.argv[2] ?? 'node_modules');
const { platform, arch } = process;

/** For compilers, debuggers and readers of a package. Licences stay. */
const NEVER_OPENED = [/\.map$/, /\.d\.[cm]?ts$/, /\.tsbuildinfo$/, /(^|\/)(README|CHANGELOG|HISTORY)[^/]*$/i];

/** TensorFlow.js ships each package ten times; Node loads the one file that `main` names. */
const BUNDLED = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers', '@tensorflow/tfjs-backend-cpu'];

/** Sources and headers of native parts that come built. */
const SOURCES = ['zeromq/src', 'zeromq/script', 'node-addon-api', 'koffi/vendor', 'koffi/doc'];

function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

function bytesOf(path) {
  return filesUnder(path).reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
}

function removeUnless(folder, isKept) {
  for (const file of filesUnder(folder)) if (!isKept(file)) rmSync(file);
}

/** The binaries of other systems; the bundled WebGPU is part of this one's. */
function pruneOnnxRuntime() {
  const own = join(modules, 'onnxruntime-node', 'bin', 'napi-v6', platform, arch) + sep;
  if (!existsSync(own)) throw new Error(`onnxruntime-node has nothing for ${platform}/${arch}`);
  removeUnless(join(modules, 'onnxruntime-node', 'bin'), (file) => file.startsWith(own));
}

/** One build for each generation of Node and libc: the one that this Node has just loaded is needed. */
function pruneZeromq() {
  createRequire(join(modules, 'zeromq', 'package.json'))('zeromq');
  const loaded = new Set(readFileSync('/proc/self/maps', 'utf8').match(/\/\S+addon\.node/g));
  if (loaded.size === 0) throw new Error('zeromq loaded no addon.node from its package');
  const isKept = (file) => !file.endsWith('.node') || loaded.has(file);
  removeUnless(join(modules, 'zeromq', 'build'), isKept);
}

function pruneBundled(name) {
  const folder = join(modules, name);
  const { main } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  removeUnless(join(folder, 'dist'), (file) => file === join(folder, main));
}

const before = bytesOf(modules);
pruneZeromq();
pruneOnnxRuntime();
for (const name of BUNDLED) pruneBundled(name);
for (const path of SOURCES) rmSync(join(modules, path), { recursive: true, force: true });
removeUnless(modules, (file) => !NEVER_OPENED.some((pattern) => pattern.test(file)));
const megabytes = (bytes) => Math.round(bytes / 1e6);
console.log(`node_modules: ${megabytes(before)} MB, ${megabytes(bytesOf(modules))} MB of them needed here`);
