// Training's steps with this version beside another one, in interleaved pairs: `node test/bench/pairs.mjs OTHER [PAIRS] [STEPS]`, 10
// pairs of 600 steps by default. OTHER is a clone of the other version, built. The order is swapped every time; the machine should be idle.
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './measure.mjs';

const HERE = fileURLToPath(new URL('../..', import.meta.url));
const [other, pairs = '10', steps = '600'] = process.argv.slice(2);
if (other === undefined) {
  console.error('usage: node test/bench/pairs.mjs OTHER [PAIRS] [STEPS]');
  process.exit(2);
}

/** Images a second of one run. */
function imagesPerSecond(root) {
  const args = ['bench', 'train', '--preset', 'mlp-plain', '--workers', '2', '--batch', '128', '--steps', steps];
  const program = join(root, 'packages', 'cli', 'bin', 'gantry.js');
  const text = execFileSync(process.execPath, [program, ...args], { cwd: root, encoding: 'utf8' });
  const [, number] = /^([\d,]+) images\/s/m.exec(text) ?? [];
  if (number === undefined) throw new Error(`no images/s in: ${text}`);
  console.log(`${root}: ${text.trim()}`);
  return Number(number.replaceAll(',', ''));
}

const roots = [HERE, resolve(other)];
const ratios = [];
for (let pair = 0; pair < Number(pairs); pair++) {
  const order = pair % 2 === 0 ? roots : roots.toReversed();
  const speeds = new Map(order.map((root) => [root, imagesPerSecond(root)]));
  ratios.push(speeds.get(HERE) / speeds.get(roots[1]));
}
const mean = ratios.reduce((sum, one) => sum + one, 0) / ratios.length;
const variance = ratios.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, ratios.length - 1);
// By Student, ten pairs; of more it is a little too wide.
const around = 2.3 * Math.sqrt(variance / ratios.length);
const told = [median(ratios), mean, mean - around, mean + around].map((one) => one.toFixed(3));
console.log(
  `this version ÷ the other, ${pairs} pairs: median ${told[0]}, mean ${told[1]} (95 %: ${told[2]} to ${told[3]})`,
);
