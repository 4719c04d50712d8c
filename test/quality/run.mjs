// `npm run quality [-- --seeds 1,2,3] [--steps N] [--write]`: trains the presets in full and lets a classifier of real digits
// judge their samples. Runs are kept in runs/quality and not made again; `--write` puts the table and the pictures into docs/.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodePicture, imageGrid, listCheckpoints } from '@gantry/coordinator';
import { generateSamples, openJudge, runGantry } from './judge.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const RUNS = join(ROOT, 'runs', 'quality');
const DOCUMENT = join(ROOT, 'docs', 'quality.md');
const PICTURES = join(ROOT, 'docs', 'images');
const WORKERS = 2;
const SAMPLES = 2000;
/** Issue bounds of preset `mlp`: every digit occurs, and most look like one. */
const SHARE_MIN = 0.03;
const CONFIDENCE_MIN = 0.8;
/** The picture: 10 × 10 samples, every pixel doubled, so that a person sees digits. */
const PICTURE = { columns: 10, gap: 2, scale: 2 };

const words = process.argv.slice(2);

function optionOf(name, fallback) {
  const at = words.indexOf(name);
  return at < 0 ? fallback : (words[at + 1] ?? usage(`${name} needs a value`));
}

function usage(problem) {
  console.error(`${problem}\nusage: npm run quality -- [--seeds 1,2,3] [--steps 10000] [--write]`);
  process.exit(2);
}

function wholeOf(text, name) {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : usage(`${name}: ${text} is not a whole number`);
}

/** Trains a run, goes on with one that was broken off, or leaves one that is complete. */
async function ensureRun({ preset, seed, steps }) {
  const out = join(RUNS, `${preset}-seed-${seed}-steps-${steps}`);
  const done = existsSync(out) ? await listCheckpoints(join(out, 'checkpoints')).catch(() => []) : [];
  if (done.at(-1) === steps) return out;
  if (done.length > 0) {
    runGantry(['resume', '--out', out]);
    return out;
  }
  rmSync(out, { recursive: true, force: true });
  const numbers = { workers: WORKERS, seed, steps, 'sample-every': 0, 'checkpoint-every': 500 };
  const flags = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  runGantry(['train', '--preset', preset, ...flags, '--out', out]);
  return out;
}

const percent = (share) => (100 * share).toFixed(1);

function row(name, { classShare, smallestShare, meanConfidence, frechetDistance }) {
  const shares = classShare.map(percent).join(' ');
  return [name, shares, percent(smallestShare), meanConfidence.toFixed(3), frechetDistance.toFixed(1)];
}

function table(rows) {
  const head = ['samples', 'share of the digits 0 … 9, %', 'smallest, %', 'mean confidence', 'Fréchet distance'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** What of preset `mlp`'s bounds a judgement misses. */
function misses(name, { smallestShare, meanConfidence }) {
  const problems = [];
  if (smallestShare < SHARE_MIN)
    problems.push(`${name}: a digit has ${percent(smallestShare)} %, not ${percent(SHARE_MIN)} %`);
  if (!(meanConfidence > CONFIDENCE_MIN))
    problems.push(`${name}: mean confidence ${meanConfidence.toFixed(3)}, not above ${CONFIDENCE_MIN}`);
  return problems;
}

/** The first samples of a run as one picture. */
async function writePicture(samples, name) {
  const count = PICTURE.columns ** 2;
  const data = samples.subarray(0, count * 28 * 28);
  const grid = imageGrid({ data, count, height: 28, width: 28, channels: 1 }, PICTURE);
  mkdirSync(PICTURES, { recursive: true });
  writeFileSync(join(PICTURES, name), await encodePicture(grid));
}

/** Replaces what stands between the markers in the document. */
function writeDocument(text) {
  const marker = /(<!-- quality -->)[\s\S]*?(<!-- end -->)/;
  writeFileSync(DOCUMENT, readFileSync(DOCUMENT, 'utf8').replace(marker, `$1\n${text}\n$2`));
}

async function main() {
  const seeds = optionOf('--seeds', '1,2,3')
    .split(',')
    .map((text) => wholeOf(text, '--seeds'));
  const steps = wholeOf(optionOf('--steps', '10000'), '--steps');
  const plans = [
    ...seeds.map((seed) => ({ preset: 'mlp', seed, steps })),
    { preset: 'mlp-plain', seed: seeds[0], steps },
  ];
  mkdirSync(RUNS, { recursive: true });
  const judge = await openJudge({ cacheDirectory: RUNS });
  const rows = [row('real test images', await judge.real())];
  const problems = [];
  const pictured = new Map();
  for (const plan of plans) {
    const out = await ensureRun(plan);
    const samples = generateSamples(out, { count: SAMPLES, to: join(out, 'judged.idx3-ubyte') });
    const judgement = await judge.judge(samples);
    const name = `\`${plan.preset}\`, seed ${plan.seed}`;
    rows.push(row(name, judgement));
    if (plan.preset === 'mlp') problems.push(...misses(name, judgement));
    if (!pictured.has(plan.preset)) pictured.set(plan.preset, samples);
  }
  await judge.dispose();
  const measured = `${steps.toLocaleString('en')} steps, ${WORKERS} workers; ${SAMPLES.toLocaleString('en')} images a row; the classifier gets ${percent(judge.accuracy)} % of the test images right.`;
  const text = `${measured}\n\n${table(rows)}`;
  console.log(text);
  if (words.includes('--write')) {
    writeDocument(text);
    for (const [preset, samples] of pictured) await writePicture(samples, `${preset}-samples.png`);
  }
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

await main();
