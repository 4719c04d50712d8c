import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { doneOf, gantry, trainArguments, Workspace } from '../support/gantry.js';

const work = new Workspace();
afterAll(() => work.remove());

/**
 * A user who has never run anything and has no say in it: the runtime also keeps silent where it is tested, which these
 * variables would tell it.
 */
function freshUser(): { folders: readonly string[]; env: Record<string, string> } {
  const [home, temporary] = [join(work.run(), 'home'), join(work.run(), 'tmp')];
  for (const folder of [home, temporary]) mkdirSync(folder, { recursive: true });
  const env = { HOME: home, XDG_CACHE_HOME: join(home, '.cache'), TMPDIR: temporary };
  return { folders: [home, temporary], env: { ...env, CI: '', GITHUB_ACTIONS: '', ORT_DISABLE_TELEMETRY: '' } };
}

it('neither a run nor a generator leaves anything in the home folder or among temporary files', async () => {
  const { folders, env } = freshUser();
  const out = work.run();
  doneOf(await gantry(trainArguments(out, { steps: 20 }), env));
  const generated = await gantry(['generate', '--out', out, '--count', '4', '--to', join(work.path, 'four.png')], env);
  expect(generated.code).toBe(0);
  for (const folder of folders) expect(readdirSync(folder, { recursive: true })).toEqual([]);
});
