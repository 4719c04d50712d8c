import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createEngine } from '@gantry/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildGan, definitionHash } from '../build-gan.js';
import { loadDefinition } from '../load-definition.js';
import { programInputs, testInputs } from '../testing/inputs.js';
import { runProgram } from '../testing/run-program.js';
import { SMALL_CONFIG } from '../testing/small-gan.js';

const EXAMPLE = fileURLToPath(new URL('../../../../examples/wide-gan.ts', import.meta.url));

const MODEL_TS = `
import { defineGan, type GanDefinition } from '@gantry/gan';
/* the union package */ import * as tf from '@tensorflow/tfjs';
import { HIDDEN } from './sizes';

const size: number = 2;
const definition: GanDefinition = {
  name: 'mine',
  latent: 3,
  imageShape: [size, size, 1],
  generator: () => tf.sequential({ layers: [
    tf.layers.dense({ units: HIDDEN, activation: 'relu', inputShape: [3] }),
    tf.layers.dense({ units: 4, activation: 'sigmoid' }),
    tf.layers.reshape({ targetShape: [2, 2, 1] }),
  ] }),
  discriminator: () => tf.sequential({ layers: [
    tf.layers.flatten({ inputShape: [2, 2, 1] }),
    tf.layers.dense({ units: 1 }),
  ] }),
  loss: { name: 'own', discriminator: (real, fake) => tf.mean(tf.sub(fake, real)), generator: (fake) => tf.neg(tf.mean(fake)) },
};
export default defineGan(definition);
`;

const MODEL_JS = `
import { layers, sequential } from '@tensorflow/tfjs-layers';
export default {
  name: 'plain', latent: 3, imageShape: [2, 2, 1],
  generator: () => sequential({ layers: [
    layers.dense({ units: 4, activation: 'sigmoid', inputShape: [3] }), layers.reshape({ targetShape: [2, 2, 1] })] }),
  discriminator: () => sequential({ layers: [layers.flatten({ inputShape: [2, 2, 1] }), layers.dense({ units: 1 })] }),
};
`;

let folder: string;

/** Writes a file outside of the repository and returns its path. */
async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gantry-model-'));
});
afterAll(() => rm(folder, { recursive: true }));

const load = (path: string) => loadDefinition(path, 'mlp');

describe("a user's file", () => {
  it("in TypeScript, with imports of its own, trains on Gantry's copy of TensorFlow.js", async () => {
    await file('ts/sizes.ts', 'export const HIDDEN: number = 7;');
    const loaded = await load(await file('ts/model.ts', MODEL_TS));
    const gan = buildGan(loaded.definition, SMALL_CONFIG);
    expect(gan.layouts.generator.entries[0]!.shape).toEqual([3, 7]);
    const program = gan.gradientsProgram('both', { samples: 2, penalized: false });
    const outputs = runProgram(program, programInputs(gan, testInputs(gan, 2)));
    expect(Number.isFinite(outputs['metrics/generatorLoss']![0])).toBe(true);
  });

  it('in JavaScript, a bare object', async () => {
    for (const name of ['model.js', 'model.mjs']) {
      const { definition, path } = await load(await file(name, MODEL_JS));
      expect(definition.name).toBe('plain');
      expect(path).toBe(join(folder, name));
      expect(buildGan(definition, SMALL_CONFIG).latent).toBe(3);
    }
  });

  it('may lie in a folder whose name has dollar signs', async () => {
    const text = `${MODEL_JS}\nif (!import.meta.url.endsWith("/a$$b$&c/model.js")) throw new Error(import.meta.url);\n`;
    expect((await load(await file('a$$b$&c/model.js', text))).definition.name).toBe('plain');
  });

  it('hashes by what it says and imports, not by where it lies', async () => {
    const at = async (where: string, hidden: number, text = MODEL_TS) => {
      await file(`${where}/sizes.ts`, `export const HIDDEN: number = ${hidden};`);
      const loaded = await load(await file(`${where}/model.ts`, text));
      return definitionHash(buildGan(loaded.definition, SMALL_CONFIG), loaded.contentHash);
    };
    const hash = await at('hash/a', 7);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(await at('hash/b', 7)).toBe(hash);
    expect(await at('hash/c', 8)).not.toBe(hash);
    expect(await at('hash/d', 7, MODEL_TS.replace('tf.neg(tf.mean(fake))', 'tf.mean(fake)'))).not.toBe(hash);
  });

  it('may be the example', async () => {
    const { definition } = await load(EXAMPLE);
    expect(buildGan(definition, SMALL_CONFIG).imageShape).toEqual([28, 28, 1]);
  });
});

/** Prints a hash of the initial weights that a file's GAN has in this process. */
const HASH_WEIGHTS = `
  import { createHash } from 'node:crypto';
  const [index, path, config] = process.argv.slice(1);
  const { buildGan, loadDefinition } = await import(index);
  const { definition } = await loadDefinition(path, 'mlp');
  const state = buildGan(definition, JSON.parse(config)).initialState();
  console.log(createHash('sha256').update(state).digest('hex'));
`;

function weightsInAnotherProcess(path: string, seed: number): string {
  const index = new URL('../../dist/index.js', import.meta.url).href;
  const config = JSON.stringify({ ...SMALL_CONFIG, seed });
  const args = ['--input-type=module', '-e', HASH_WEIGHTS, index, path, config];
  return execFileSync(process.execPath, args, { encoding: 'utf8', cwd: import.meta.dirname });
}

describe('initial weights', () => {
  it('are the same in every process, by the seed of the run', async () => {
    const path = await file('weights/model.js', MODEL_JS);
    const hash = weightsInAnotherProcess(path, 1);
    expect(hash).toMatch(/^[0-9a-f]{64}\n$/);
    expect(weightsInAnotherProcess(path, 1)).toBe(hash);
    expect(weightsInAnotherProcess(path, 2)).not.toBe(hash);
  });

  it('are not drawn while the file is loaded, which every process does for itself', async () => {
    const text = MODEL_JS.replace('export default {', 'const one = dense();\nexport default {');
    const drawn = `${text}\nfunction dense() {\n  return sequential({ layers: [layers.dense({ units: 1, inputShape: [4] })] });\n}\n`;
    const { random } = Math;
    const error = await load(await file('weights/early.js', drawn)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'GANTRY_MODEL_INVALID',
      message: expect.stringMatching(/early\.js:12: random numbers .* inside generator\(\) and discriminator\(\)/),
    });
    expect(Math.random).toBe(random);
  });

  it('may come from a seed of their own', async () => {
    const text = MODEL_JS.replace(
      'export default {',
      "layers.dense({ units: 1, inputShape: [4], kernelInitializer: 'zeros' });\nexport default {",
    );
    expect((await load(await file('weights/zeros.js', text))).definition.name).toBe('plain');
  });
});

describe('a file that is no model', () => {
  const cases: [string, string, string, RegExp, number | undefined][] = [
    ['syntax', 'syntax.ts', 'const a = 1;\nconst = 2;\n', /syntax\.ts cannot be loaded[\s\S]*syntax\.ts:2:7/, 2],
    ['missing import', 'import.ts', "\nimport './nowhere';\n", /Could not resolve "\.\/nowhere"/, 2],
    [
      'unknown engine',
      'engine.ts',
      "import '@tensorflow/tfjs-node';\n",
      /no module "@tensorflow\/tfjs-node".*--engine/s,
      1,
    ],
    [
      'no default',
      'none.ts',
      'export const gan = 5;',
      /exports gan, but has no default export; expected `export default/,
      undefined,
    ],
    ['nothing', 'empty.ts', '', /exports nothing/, undefined],
    [
      'a number',
      'five.ts',
      'export default 5;',
      /five\.ts: the default export is 5; it must be what defineGan returns/,
      undefined,
    ],
    [
      'an empty object',
      'void.ts',
      'export default {};',
      /the default export is an empty object; it must be/,
      undefined,
    ],
    ['an array', 'list.ts', 'export default [1];', /the default export is an array; it must be/, undefined],
    [
      'a function',
      'call.ts',
      'export default function gan() {}',
      /export is a function \(gan\); it must be/,
      undefined,
    ],
    ['other keys', 'other.ts', 'export default { layers: 5 };', /is an object with layers only; it must/, undefined],
    [
      'a bare object with a mistake',
      'bare.ts',
      "export default { name: 'bare', latent: 0 };",
      /bare\.ts: the default export has latent 0; expected a whole number/,
      undefined,
    ],
    ['throws', 'throws.ts', '\n\nthrow new Error("oh no");\n', /throws\.ts:3: oh no/, 3],
    [
      'wrong key',
      'key.ts',
      "import { defineGan } from '@gantry/gan';\n\nexport default defineGan({ latent: -1 } as never);",
      /key\.ts:3: defineGan got name/,
      3,
    ],
    ['wrong kind', 'model.json', '{}', /is not a \.ts, \.mts, \.js, \.mjs file/, undefined],
  ];
  for (const [what, name, text, message, line] of cases) {
    it(what, async () => {
      const error = await load(await file(`bad/${name}`, text)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'GANTRY_MODEL_INVALID', message: expect.stringMatching(message) });
      if (line !== undefined) expect(error).toMatchObject({ details: { line } });
    });
  }

  it('is missing', async () => {
    const missing = load(join(folder, 'nothing-here.ts'));
    await expect(missing).rejects.toMatchObject({ code: 'GANTRY_MODEL_NOT_FOUND' });
  });

  it('fails while it builds a network, at a line', async () => {
    const text = MODEL_JS.replace("units: 4, activation: 'sigmoid'", "units: 4, activation: 'sigmoidal'");
    const { definition } = await load(await file('bad/builder.js', text));
    expect(() => buildGan(definition, SMALL_CONFIG)).toThrow(/builder\.js:6: /);
  });

  it('fails in its loss, at a line', async () => {
    await file('bad/loss/sizes.ts', 'export const HIDDEN: number = 7;');
    const text = MODEL_TS.replace('tf.neg(tf.mean(fake))', 'tf.add(fake, tf.zeros([5, 7]))');
    const gan = buildGan((await load(await file('bad/loss/model.ts', text))).definition, SMALL_CONFIG);
    const run = () =>
      runProgram(
        gan.gradientsProgram('generator', { samples: 2, penalized: false }),
        programInputs(gan, testInputs(gan, 2)),
      );
    expect(run).toThrow(
      expect.objectContaining({
        code: 'GANTRY_MODEL_INVALID',
        message: expect.stringMatching(/loss\/model\.ts:20: .*broadcast/),
      }),
    );
  });
});

it("what the engine cannot run names the user's own line", async () => {
  const text = MODEL_TS.replace('tf.mean(tf.sub(fake, real))', '\n    tf.mean(tf.sub(fake, tf.topk(real, 1).values))');
  const path = await file('topk/model.ts', text);
  await file('topk/sizes.ts', 'export const HIDDEN = 3;');
  const line = text.split('\n').findIndex((one) => one.includes('topk')) + 1;
  const { definition } = await loadDefinition(path, 'mlp');
  const engine = await createEngine({ engine: 'onnx', device: 'cpu', threads: 1 });
  const gan = buildGan(definition, SMALL_CONFIG);
  const compiled = engine.compile(gan.gradientsProgram('discriminator', { samples: 2, penalized: false }));
  await expect(compiled).rejects.toMatchObject({
    code: 'GANTRY_ENGINE_UNSUPPORTED',
    message: expect.stringMatching(new RegExp(`TopK at .*topk.model\\.ts:${line} `)),
  });
  await engine.dispose();
});
