// Checks the house against DESIGN: `npm run lint`.
//   1. no cycle among the files of a package, nor among packages
//   2. a package imports only what its package.json declares (for development: its tests and testing/ alone), and nobody imports `@gantry/x/src/…` or another's files
//   3. core/ imports no node:*, no zeromq, no koffi, nothing of shell/, and starts no timer and reads no clock
//   4. coordinator and worker never import each other
//   5. TensorFlow.js is taken from @gantry/engine/tfjs, which says why
//   6. no `export *`; package.json and tsconfig.json name the same packages
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g;
const IMPURE = [
  [/\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/, 'starts a timer'],
  [/\bDate\.now\b|\bperformance\.now\b|\bnew Date\b|\bprocess\.hrtime\b/, 'reads a clock'],
  [/\bMath\.random\b/, 'draws a random number'],
];
const IMPURE_PACKAGES = ['zeromq', 'koffi', 'onnxruntime-node'];
const TFJS_VALUES = /(?:^|\n)import (?!type )[^'";]*from '@tensorflow\//;
const TFJS_MAY_BE_IMPORTED = /\.test\.ts$|\.samples\.ts$|[\\/]testing[\\/]/;
const FORBIDDEN_PAIRS = [
  ['coordinator', 'worker'],
  ['worker', 'coordinator'],
];

const problems = [];

function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'generated' ? [] : sourceFiles(path);
    return /\.ts$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(text) {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3]);
}

/** Comments and strings may speak of clocks; code may not. */
function codeOnly(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/[^\n]*/g, '');
}

function packageOf(specifier) {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
}

function checkCore(file, text, specifiers) {
  const name = relative(ROOT, file);
  for (const specifier of specifiers) {
    if (specifier.startsWith('node:') || builtinModules.includes(specifier))
      problems.push(`${name}: core imports ${specifier}`);
    if (IMPURE_PACKAGES.includes(packageOf(specifier))) problems.push(`${name}: core imports ${specifier}`);
    if (/(^|\/)shell\//.test(specifier)) problems.push(`${name}: core imports the shell (${specifier})`);
  }
  for (const [pattern, what] of IMPURE) if (pattern.test(codeOnly(text))) problems.push(`${name}: core ${what}`);
}

function checkFile(file, packageName, declared, fileGraph) {
  const text = readFileSync(file, 'utf8');
  const name = relative(ROOT, file);
  const isTest = file.endsWith('.test.ts');
  const specifiers = importsOf(text);
  if (/^export \*/m.test(text)) problems.push(`${name}: export * (name what is exported)`);
  if (/[\\/]core[\\/]/.test(file) && !isTest) checkCore(file, text, specifiers);
  if (TFJS_VALUES.test(text) && !TFJS_MAY_BE_IMPORTED.test(file))
    problems.push(`${name}: imports @tensorflow/… instead of @gantry/engine/tfjs`);
  const edges = [];
  for (const specifier of specifiers) {
    if (specifier.startsWith('.')) {
      const target = resolve(dirname(file), specifier).replace(/\.js$/, '.ts');
      if (!target.startsWith(join(ROOT, 'packages', packageName)))
        problems.push(`${name}: imports another package's file ${specifier}`);
      edges.push(target);
      continue;
    }
    if (specifier.startsWith('node:') || specifier.includes('${')) continue;
    const wanted = packageOf(specifier);
    if (wanted.startsWith('@gantry/') && /\/src\/|\/dist\//.test(specifier))
      problems.push(`${name}: imports inside ${wanted}`);
    if (!declared.has(wanted) && !(isTest && ['vitest', `@gantry/${packageName}`].includes(wanted)))
      problems.push(`${name}: ${wanted} is not in packages/${packageName}/package.json`);
  }
  if (!isTest) fileGraph.set(file, edges);
}

/** Depth-first search; returns the first cycle found as a list of nodes, or null. */
function findCycle(graph) {
  const done = new Set();
  const visit = (node, path) => {
    const at = path.indexOf(node);
    if (at >= 0) return [...path.slice(at), node];
    if (done.has(node)) return null;
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next, [...path, node]);
      if (cycle) return cycle;
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const cycle = visit(node, []);
    if (cycle) return cycle;
  }
  return null;
}

const packageGraph = new Map();
for (const packageName of readdirSync(join(ROOT, 'packages'))) {
  const folder = join(ROOT, 'packages', packageName);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const declared = new Set(
    Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }),
  );
  const forTests = new Set([...declared, ...Object.keys(manifest.devDependencies ?? {})]);
  const own = [...declared].filter((name) => name.startsWith('@gantry/')).map((name) => name.slice(8));
  packageGraph.set(packageName, own);
  const references = JSON.parse(readFileSync(join(folder, 'tsconfig.json'), 'utf8')).references.map(({ path }) =>
    path.slice(3),
  );
  if ([...own].sort().join() !== [...references].sort().join())
    problems.push(`packages/${packageName}: package.json needs ${own}, tsconfig.json references ${references}`);
  const fileGraph = new Map();
  for (const file of sourceFiles(join(folder, 'src'))) {
    const known = /[\\/]testing[\\/]|\.test\.ts$/.test(file) ? forTests : declared;
    checkFile(file, packageName, known, fileGraph);
  }
  const cycle = findCycle(fileGraph);
  if (cycle) problems.push(`cycle of files: ${cycle.map((file) => relative(ROOT, file)).join(' → ')}`);
}
const cycle = findCycle(packageGraph);
if (cycle) problems.push(`cycle of packages: ${cycle.join(' → ')}`);
for (const [from, to] of FORBIDDEN_PAIRS)
  if (packageGraph.get(from)?.includes(to)) problems.push(`${from} imports ${to}: they meet in proto/ only`);

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'dependency graph: in order' : `dependency graph: ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
