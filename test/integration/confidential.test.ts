import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { doneOf, gantry, trainArguments, Workspace } from '../support/gantry.js';

const work = new Workspace();
afterAll(() => work.remove());

/** Of a user who has never run anything; the runtime looks whether it is tested, and then tells nothing of its own accord. */
function freshUser(): { folders: readonly string[]; env: Record<string, string> } {
  const [home, temporary] = [join(work.run(), 'home'), join(work.run(), 'tmp')];
  for (const folder of [home, temporary]) mkdirSync(folder, { recursive: true });
  const env = { HOME: home, XDG_CACHE_HOME: join(home, '.cache'), TMPDIR: temporary, CI: '', GITHUB_ACTIONS: '' };
  return { folders: [home, temporary], env };
}

const COMMANDS = [
  ['a run', trainArguments(work.run(), { steps: 20 })],
  ['a look at the devices', ['doctor', '--json']],
] as const;

it.each(COMMANDS)('%s leaves nothing in the home folder or among temporary files', async (_, args) => {
  const { folders, env } = freshUser();
  const finished = await gantry(args, env);
  if (args[0] === 'train') doneOf(finished);
  else expect(finished).toMatchObject({ code: 0, stderr: '' });
  for (const folder of folders) expect(readdirSync(folder, { recursive: true })).toEqual([]);
});
