import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  doneOf,
  type Event,
  errorOf,
  GANTRY,
  GantryProcess,
  gantry,
  trainArguments,
  Workspace,
  workersOf,
} from '../support/gantry.js';

const STEPS = 30;
const work = new Workspace();
afterAll(() => work.remove());

/** Of this machine and not the loopback's, where it has one: what the keys are for. */
const address =
  Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.1';

let keys: string;
const keyOf = (worker: string): string => join(keys, `${worker}.key`);
const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as { secretKey: string };
const allowed = (): string => join(keys, 'allowed');

beforeAll(async () => {
  keys = join(work.path, 'keys');
  const made = await gantry(['keygen', '--out', keys, '--worker', 'alice', 'bob']);
  expect(made.code).toBe(0);
});

function coordinator(out: string, options: Readonly<Record<string, string | number>> = {}): GantryProcess {
  const [, ...args] = trainArguments(out, { steps: STEPS, transport: 'tcp', ...options });
  return new GantryProcess(['coordinator', '--keys', keys, '--bind', `tcp://${address}:0`, ...args]);
}

async function endpointOf(run: GantryProcess): Promise<string> {
  return (await run.until(({ event }) => event === 'start')).endpoint as string;
}

function worker(endpoint: string, name: string): GantryProcess {
  return new GantryProcess(['worker', '--join', endpoint, '--keys', keyOf(name)]);
}

describe(`workers with keys, over tcp://${address}`, () => {
  it.each(['direct', 'star'])('train to the same bits as gantry train (%s)', async (topology) => {
    const reference = doneOf(await gantry(trainArguments(work.run(), { steps: STEPS })));
    const run = coordinator(work.run(), { topology });
    const endpoint = await endpointOf(run);
    const workers = [worker(endpoint, 'alice'), worker(endpoint, 'bob')];
    // What everybody on the machine can read: paths, and no key of anybody, also not of the hub.
    const processes = [run.pid, ...workersOf(run.pid), ...workers.map(({ pid }) => pid)];
    const commands = processes.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).join();
    expect(commands).toContain(keyOf('alice'));
    for (const { secretKey } of [keyOf('alice'), keyOf('bob'), join(keys, 'server.key')].map(read)) {
      expect(commands).not.toContain(secretKey);
    }
    expect(commands).not.toContain('secretKey');
    const done = doneOf(await run.finished);
    expect(done.stateSha256).toBe(reference.stateSha256);
    for (const one of workers) expect((await one.finished).code).toBe(0);
    const ready = run.events.find(({ event }) => event === 'ready') as Event & { members: { worker: string }[] };
    expect(ready.members.map((member) => member.worker)).toEqual(
      topology === 'star' ? ['alice', 'bob', 'hub'] : ['alice', 'bob'],
    );
  });

  it('take the folder and the file from GANTRY_KEYS as well', async () => {
    const [, ...args] = trainArguments(work.run(), { steps: 2, workers: 1, transport: 'tcp' });
    const run = new GantryProcess(['coordinator', '--bind', `tcp://${address}:0`, ...args], { GANTRY_KEYS: keys });
    const one = new GantryProcess(['worker', '--join', await endpointOf(run)], { GANTRY_KEYS: keyOf('bob') });
    doneOf(await run.finished);
    expect((await one.finished).code).toBe(0);
    // It is of no meaning for a run of this machine alone.
    doneOf(await gantry(trainArguments(work.run(), { steps: 2 }), { GANTRY_KEYS: keyOf('bob') }));
  });

  it('are refused with other keys, without any, under another name, and admitted when the list says so', async () => {
    const run = coordinator(work.run(), { workers: 1 });
    const endpoint = await endpointOf(run);
    const list = readFileSync(allowed(), 'utf8');
    writeFileSync(allowed(), list.replace(/^alice.*\n/m, ''));
    const unlisted = await worker(endpoint, 'alice').finished;
    expect([unlisted.code, unlisted.stderr]).toEqual([1, expect.stringMatching(/refused the key of alice.*allowed/)]);
    expect(unlisted.stderr).toContain('GANTRY_AUTH_REFUSED');

    const keyless = await gantry(['worker', '--join', endpoint, '--insecure']);
    expect([keyless.code, keyless.stderr]).toEqual([1, expect.stringMatching(/takes only workers with keys.*--keys/)]);
    expect(keyless.stderr).toContain('GANTRY_AUTH_REFUSED');

    const misnamed = await gantry(['worker', '--join', endpoint, '--keys', keyOf('bob'), '--worker', 'alice']);
    expect([misnamed.code, misnamed.stderr]).toEqual([1, expect.stringMatching(/key is that of bob, not of alice/)]);

    writeFileSync(allowed(), list);
    const admitted = worker(endpoint, 'alice');
    doneOf(await run.finished);
    expect((await admitted.finished).code).toBe(0);
    expect(run.events.filter(({ event }) => event === 'warning').map(({ message }) => message)).toEqual([
      expect.stringMatching(/revoked alice/),
      expect.stringMatching(/refused a connection from .*not on the allow-list/),
      expect.stringMatching(/key is that of bob/),
    ]);
  });

  it('are refused by who has keys of another folder, or none', async () => {
    const other = join(work.path, 'other');
    await gantry(['keygen', '--out', other, '--worker', 'alice', 'bob']);
    const run = coordinator(work.run(), { workers: 1 });
    const endpoint = await endpointOf(run);
    const misled = new GantryProcess(['worker', '--join', endpoint, '--keys', join(other, 'alice.key')]);
    const [, ...args] = trainArguments(work.run(), { steps: 2, workers: 1 });
    const plain = new GantryProcess(['coordinator', ...args]);
    const wrong = await worker(await endpointOf(plain), 'alice').finished;
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringMatching(/started without keys/)]);
    for (const one of [plain, run]) one.child.kill('SIGINT');
    await Promise.all([plain.finished, run.finished]);
    misled.child.kill('SIGTERM');
    await misled.finished;
    expect(run.events.some(({ event }) => event === 'joined')).toBe(false);
  });

  it('are cut when their key is taken off the list, while they train', async () => {
    const run = coordinator(work.run(), { steps: 1_000_000, 'checkpoint-every': 20 });
    const endpoint = await endpointOf(run);
    const [alice, bob] = [worker(endpoint, 'alice'), worker(endpoint, 'bob')];
    await run.untilStep(30);
    const list = readFileSync(allowed(), 'utf8');
    writeFileSync(allowed(), list.replace(/^bob.*\n/m, ''));
    const cut = await bob.finished;
    writeFileSync(allowed(), list);
    expect([cut.code, cut.stderr]).toEqual([1, expect.stringMatching(/GANTRY_AUTH_REFUSED/)]);
    expect(cut.stderr).toMatch(/the key of bob was taken off the allow-list/);
    // The others go on, in a generation whose keys bob does not know.
    const regrouped = await run.until(({ event, generation }) => event === 'ready' && generation === 2);
    expect(regrouped.members).toEqual([expect.objectContaining({ worker: 'alice' })]);
    run.child.kill('SIGINT');
    const finished = await run.finished;
    expect(doneOf(finished).interrupted).toBe(true);
    expect(finished.events).toContainEqual(
      expect.objectContaining({ event: 'warning', message: expect.stringMatching(/revoked bob/) }),
    );
    expect(finished.events).toContainEqual(expect.objectContaining({ event: 'worker-lost', worker: 'bob' }));
    expect((await alice.finished).stderr).not.toContain('GANTRY_AUTH_REFUSED');
  });
});

describe('off the loopback without keys', () => {
  it('is refused, with what to do', async () => {
    const bound = await gantry(['coordinator', '--json', '--bind', 'tcp://0.0.0.0:0']);
    expect(errorOf(bound)).toMatchObject({
      code: 'GANTRY_BIND_REFUSED',
      message: expect.stringMatching(/gantry keygen.*--keys/),
    });
    const joined = await gantry(['worker', '--join', 'tcp://10.0.0.1:5555']);
    expect([joined.code, joined.stderr]).toEqual([1, expect.stringMatching(/--keys FILE[\s\S]*GANTRY_BIND_REFUSED/)]);
  });

  it('needs --insecure, which is told in a warning', async () => {
    const [, ...args] = trainArguments(work.run(), { steps: 2, workers: 1 });
    const run = new GantryProcess(['coordinator', '--insecure', '--bind', `tcp://0.0.0.0:0`, ...args]);
    await endpointOf(run);
    run.child.kill('SIGINT');
    expect((await run.finished).stderr).toMatch(/warning: --insecure: .*neither encrypted nor authenticated/);
  });

  it.skipIf(!existsSync('/usr/bin/script'))('is red on a terminal', () => {
    const command = `${process.execPath} ${GANTRY} worker --insecure --join tcp://198.18.0.1:bad`;
    const text = execFileSync('script', ['-qec', `${command}; true`, '/dev/null'], { encoding: 'utf8' });
    expect(text).toContain('\u001b[31mwarning: --insecure');
  });
});

describe('keys on disk', () => {
  it('are refused where others can read them', async () => {
    const open = join(work.path, 'open');
    await gantry(['keygen', '--out', open, '--workers', '1']);
    const file = join(open, 'worker-0.key');
    execFileSync('chmod', ['644', file]);
    const refused = await gantry(['worker', '--join', 'tcp://127.0.0.1:5555', '--keys', file]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/chmod 600[\s\S]*GANTRY_KEYS_INVALID/)]);
    const missing = await gantry(['coordinator', '--json', '--keys', join(work.path, 'nothing')]);
    expect(errorOf(missing)).toMatchObject({ code: 'GANTRY_KEYS_INVALID' });
  });
});
