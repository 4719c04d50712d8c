import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  GANTRY_VERSION,
  type Message,
  PROTOCOL_VERSION,
  SEALED_PART_BYTES_MAX,
  STATE_CHUNK_BYTES_MAX,
} from '@gantry/common';
import {
  generateKeyPair,
  parseKeyFile,
  readWorkerKeys,
  Sealer,
  type WorkerKeys,
  workerSealKey,
  writeKeyFolder,
} from '@gantry/common/keys';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Context, Dealer } from 'zeromq';
import { initialState } from '../core/state.js';
import { TEST_CONFIG } from '../testing/transcript.js';
import { ControlGuard } from './control-guard.js';
import { ControlSocket, checkBind } from './control-socket.js';
import { startCoordinator } from './coordinator.js';
import { testGuard } from './guard-test.js';
import { identify } from './identify.js';
import { ZapHandler } from './zap-handler.js';

const hello: Message = {
  ...{ kind: 'hello', protocolVersion: PROTOCOL_VERSION, gantryVersion: GANTRY_VERSION, worker: '', host: 'h' },
  ...{ pid: 1, cores: 1, launchToken: '', hub: false, formerSession: '' },
};
const frameOf = (body: Message): Uint8Array => encodeEnvelope({ runId: 'run', generation: 0, update: 0, body });

/** A worker of these keys, as far as the socket can tell. */
class Client {
  readonly socket: Dealer;
  readonly heard: string[] = [];
  session = '';
  readonly events: string[] = [];
  readonly #sealer: Sealer | null;

  constructor(endpoint: string, keys: WorkerKeys | null, options: { routingId?: string; sealWith?: WorkerKeys } = {}) {
    const { routingId, sealWith = keys } = options;
    this.socket = new Dealer({
      ...{ linger: 0, reconnectInterval: 20, ...(routingId === undefined ? {} : { routingId }) },
      ...(keys !== null && {
        curvePublicKey: keys.publicKey,
        curveSecretKey: keys.secretKey,
        curveServerKey: keys.serverKey,
      }),
    });
    this.#sealer = sealWith === null ? null : new Sealer(workerSealKey(sealWith), SEALED_PART_BYTES_MAX);
    for (const event of ['handshake', 'handshake:error:auth', 'handshake:error:protocol'] as const) {
      this.socket.events.on(event, () => this.events.push(event));
    }
    this.socket.connect(endpoint);
    void this.#receive();
  }

  async say(body: Message): Promise<void> {
    const frame = frameOf(body);
    await this.socket.send(this.#sealer === null ? [frame] : this.#sealer.seal(frame)).catch(() => {});
  }

  async #receive(): Promise<void> {
    for await (const [frame] of this.socket) {
      const { body } = decodeEnvelope(frame!);
      if (body.kind === 'welcome') this.session = body.session;
      if (body.kind === 'stop' || body.kind === 'heartbeat') continue;
      this.heard.push(body.kind === 'refused' ? `${body.code}: ${body.message}` : body.kind);
    }
  }
}

describe('the control socket with keys', () => {
  let home: string;
  let keys: string;
  let alice: WorkerKeys;
  let bob: WorkerKeys;
  let socket: ControlSocket;
  let heard: { peer: string; name: string | null; envelope: Envelope }[];
  let gone: string[];
  let warnings: string[];
  let clients: Client[];
  let probes = true;

  const names = (): (string | null)[] => heard.map(({ name }) => name);
  const connect = (...args: ConstructorParameters<typeof Client> extends [string, ...infer Rest] ? Rest : never) => {
    const client = new Client(socket.endpoint, ...args);
    clients.push(client);
    return client;
  };
  const allow = (...workers: WorkerKeys[]): void =>
    writeFileSync(join(keys, 'allowed'), workers.map(({ name, publicKey }) => `${name} ${publicKey}\n`).join(''));

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'gantry-guard-'));
    keys = join(home, 'keys');
    const files = writeKeyFolder(keys, ['alice', 'bob'], { add: false });
    [alice, bob] = files.map(readWorkerKeys) as [WorkerKeys, WorkerKeys];
    [heard, gone, warnings, clients] = [[], [], [], []];
    probes = true;
    // Of this test alone, whatever the socket of the one before still has to say.
    const mine = gone;
    socket = await ControlSocket.open({
      ...{ bind: 'tcp://127.0.0.1:0', insecure: false, keys },
      onFrame: (peer, frame, name) => {
        heard.push({ peer, name, envelope: decodeEnvelope(frame) });
        void socket.send(peer, frameOf({ kind: 'bye' }));
      },
      onGone: (peer) => mine.push(peer),
      probe: () => (probes ? frameOf({ kind: 'stop', atUpdate: 0 }) : null),
      farewell: (_peer, name) => frameOf({ kind: 'refused', code: 'GANTRY_AUTH_REFUSED', message: name }),
      onWarning: (message) => warnings.push(message),
    });
  });

  afterEach(async () => {
    for (const client of clients) client.socket.close();
    await socket.close();
    rmSync(home, { recursive: true, force: true });
  });

  it('admits who is on the list, under the name of the key, and answers', async () => {
    const client = connect(alice);
    await client.say(hello);
    await expect.poll(() => client.heard).toEqual(['bye']);
    expect(names()).toEqual(['alice']);
    const data = new Uint8Array(STATE_CHUNK_BYTES_MAX).fill(7);
    const chunk: Message = { kind: 'stateChunk', stateUpdate: 1, offset: 0, totalBytes: data.length, data, sha256: '' };
    await client.say(chunk);
    await expect.poll(() => heard).toHaveLength(2);
    const { body } = heard[1]!.envelope;
    expect(body.kind === 'stateChunk' && Buffer.from(body.data).equals(data)).toBe(true);
  });

  it('refuses a key that is not on the list, no key, the wrong server key and bytes that are no ZeroMQ', async () => {
    const stranger = connect({ ...alice, ...generateKeyPair() });
    const plain = connect(null);
    const misled = connect({ ...alice, serverKey: generateKeyPair().publicKey }, { sealWith: alice });
    for (const client of [stranger, plain, misled]) void client.say(hello);
    await expect.poll(() => stranger.events).toContain('handshake:error:auth');
    await expect.poll(() => plain.events).toContain('handshake:error:protocol');
    const friend = connect(bob);
    await friend.say(hello);
    await expect.poll(() => friend.heard).toEqual(['bye']);
    expect(names()).toEqual(['bob']);
    for (const client of [stranger, plain, misled]) expect([client.events, client.heard]).not.toContain('handshake');
    expect(warnings).toEqual([expect.stringMatching(/^refused a connection from 127\.0\.0\.1: .*allow-list/)]);
  });

  it('admits and revokes as the list is edited, exactly whom it names', async () => {
    allow(bob);
    // The list is read a moment after it was written: until then she is admitted.
    for (let refused = false; !refused; ) {
      const late = connect(alice);
      await expect.poll(() => late.events).toContainEqual(expect.stringMatching(/^handshake/));
      refused = late.events.includes('handshake:error:auth');
    }
    const other = connect(bob);
    await other.say(hello);
    heard.length = 0;
    allow(bob, alice);
    const now = connect(alice);
    await now.say(hello);
    await expect.poll(() => names().sort()).toEqual(['alice', 'bob']);
    allow(bob);
    await expect.poll(() => now.heard).toContain('GANTRY_AUTH_REFUSED: alice');
    const { peer } = heard.find(({ name }) => name === 'alice')!;
    await expect.poll(() => gone).toContain(peer);
    // The connection itself may live on: nothing is heard of it any more, and nothing said to it.
    const before = heard.length;
    await now.say(hello);
    await other.say(hello);
    await expect.poll(() => other.heard).toEqual(['bye', 'bye']);
    expect(names().slice(before)).toEqual(['bob']);
    expect(await socket.send(peer, frameOf({ kind: 'bye' }))).toBe(false);
    const again = connect(alice);
    void again.say(hello);
    await expect.poll(() => again.events).toContain('handshake:error:auth');
    expect(gone.filter((one) => one === peer)).toEqual([peer]);
  });

  it('cuts one that is revoked and does not read, whose farewell nobody takes', async () => {
    const { publicKey: curvePublicKey, secretKey: curveSecretKey, serverKey: curveServerKey } = alice;
    const deaf = new Dealer({ linger: 0, receiveHighWaterMark: 1, curvePublicKey, curveSecretKey, curveServerKey });
    try {
      deaf.connect(socket.endpoint);
      await deaf.send(new Sealer(workerSealKey(alice), SEALED_PART_BYTES_MAX).seal(frameOf(hello)));
      await expect.poll(() => names()).toEqual(['alice']);
      const { peer } = heard[0]!;
      // More than ZeroMQ and the kernel take for it, and less than it is given up for.
      const sent = Array.from({ length: 1_500 }, () => socket.send(peer, Buffer.alloc(32 << 10)));
      allow(bob);
      await expect.poll(() => gone).toEqual([peer]);
      expect(await sent.at(-1)).toBe(false);
    } finally {
      deaf.close();
    }
  });

  it('keeps the list it has when the file is broken, open to others or gone, and says so', async () => {
    const client = connect(alice);
    const still = async (expected: RegExp): Promise<void> => {
      await expect.poll(() => warnings.at(-1)).toMatch(expected);
      const before = heard.length;
      await client.say(hello);
      await expect.poll(() => heard.length).toBe(before + 1);
    };
    writeFileSync(join(keys, 'allowed'), 'alice half-a-key');
    await still(/stays as it was.*line 1/);
    rmSync(join(keys, 'allowed'));
    await still(/stays as it was.*does not exist/);
    allow(alice, bob);
    chmodSync(join(keys, 'allowed'), 0o666);
    await still(/stays as it was.*changed by others/);
    // Empty is not broken: it is what revokes everybody.
    chmodSync(join(keys, 'allowed'), 0o600);
    writeFileSync(join(keys, 'allowed'), '# nobody\n');
    await expect.poll(() => client.heard).toContain('GANTRY_AUTH_REFUSED: alice');
  });

  it('takes nothing from an admitted peer that is not sealed with the key it says', async () => {
    const mallory = connect(bob, { sealWith: { ...alice, secretKey: bob.secretKey } });
    await mallory.say(hello);
    await mallory.socket.send(frameOf(hello));
    await mallory.socket.send([Buffer.alloc(72), frameOf(hello)]);
    const sealer = new Sealer(workerSealKey(bob), SEALED_PART_BYTES_MAX);
    const once = sealer.seal(frameOf(hello));
    await mallory.socket.send(once);
    await mallory.socket.send(once);
    await mallory.socket.send(sealer.seal(frameOf(hello)));
    await expect.poll(() => mallory.heard.length).toBe(2);
    const friend = connect(alice);
    await friend.say(hello);
    await expect.poll(() => names()).toEqual(['bob', 'bob', 'alice']);
    expect(gone).toEqual([]);
  });

  it("drops who takes another's routing id over, and lets the other go", async () => {
    const first = connect(alice, { routingId: 'place' });
    await first.say(hello);
    await expect.poll(() => names()).toEqual(['alice']);
    // While it is connected nobody else gets its place.
    const early = connect(bob, { routingId: 'place' });
    await early.say(hello);
    await first.say(hello);
    await expect.poll(() => names()).toEqual(['alice', 'alice']);
    // Nobody looks whether it is still there: only the seals tell.
    probes = false;
    first.socket.close();
    while (gone.length === 0) {
      const thief = connect(bob, { routingId: 'place' });
      await thief.say(hello);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    probes = true;
    expect(gone).toEqual([heard[0]!.peer]);
    // What told was no message of alice's.
    expect(
      names()
        .slice(2)
        .filter((name) => name !== 'bob'),
    ).toEqual([]);
  });

  it('makes keys for the workers of this machine that are on no disk', async () => {
    const own = parseKeyFile('own', socket.admitOwn('hub')!, 'worker');
    const client = connect(own);
    await client.say(hello);
    await expect.poll(() => names()).toEqual(['hub']);
    expect(readFileSync(join(keys, 'allowed'), 'utf8')).not.toContain(own.publicKey);
  });
});

describe('without a decision that works', () => {
  it('nothing is started', async () => {
    const known = generateKeyPair();
    const server = generateKeyPair();
    const open = { curveServer: true, curveSecretKey: server.secretKey } as const;
    const admitsAll = testGuard({ socketOptions: open, serverKey: server.publicKey, known });
    await expect(admitsAll).rejects.toMatchObject({
      code: 'GANTRY_INTERNAL',
      message: expect.stringMatching(/unknown key: admitted/),
    });
    // The domain is enforced, and nobody answers for it.
    const noHandler = testGuard({
      socketOptions: { ...open, zapDomain: 'x', zapEnforceDomain: true },
      serverKey: server.publicKey,
      known,
    });
    await expect(noHandler).rejects.toMatchObject({ code: 'GANTRY_INTERNAL' });
  });

  it('nothing is started: a handler that admits everybody', async () => {
    const home = mkdtempSync(join(tmpdir(), 'gantry-guard-'));
    const keys = join(home, 'keys');
    writeKeyFolder(keys, ['alice'], { add: false });
    const start = ZapHandler.start.bind(ZapHandler);
    const misled = vi
      .spyOn(ZapHandler, 'start')
      .mockImplementation((options) => start({ ...options, nameOf: () => 'anybody' }));
    try {
      const open = ControlGuard.open(keys, { onRevoked: () => {}, onWarning: () => {} });
      await expect(open).rejects.toMatchObject({
        code: 'GANTRY_INTERNAL',
        message: expect.stringMatching(/unknown key: admitted/),
      });
    } finally {
      misled.mockRestore();
      rmSync(home, { recursive: true, force: true });
    }
  });

  it('nobody is admitted by a socket of its options: the handler is not there', async () => {
    const home = mkdtempSync(join(tmpdir(), 'gantry-guard-'));
    const keys = join(home, 'keys');
    const [file] = writeKeyFolder(keys, ['alice'], { add: false });
    const alice = readWorkerKeys(file!);
    const guard = await ControlGuard.open(keys, { onRevoked: () => {}, onWarning: () => {} });
    try {
      const socketOptions = { ...guard.socketOptions, context: new Context() };
      await expect(testGuard({ socketOptions, serverKey: alice.serverKey, known: alice })).rejects.toMatchObject({
        code: 'GANTRY_INTERNAL',
        message: expect.not.stringMatching(/admitted/),
      });
    } finally {
      await guard.close();
      rmSync(home, { recursive: true, force: true });
    }
  });

  it('an address that others reach is refused, with what to do', () => {
    const bind = 'tcp://0.0.0.0:7400';
    expect(() => checkBind(bind, { insecure: false })).toThrow(/gantry keygen.*--keys.*--insecure/);
    expect(checkBind(bind, { insecure: false, keys: 'keys' })).toBe(bind);
    expect(checkBind('tcp://10.0.0.1:0', { insecure: true })).toBe('tcp://10.0.0.1:*');
  });
});

describe('a message and the key it is bound to', () => {
  const settings = {
    ...{ runId: 'run', config: TEST_CONFIG, localWorkers: [], hub: null, launchToken: 't', hasKeys: false },
    ...{
      resumeCommand: '',
      resume: false,
      allowNumbers: false,
      generation: 0,
      distrusted: 0,
      formerMembers: [],
      startedMs: 0,
    },
  };
  const member = { worker: 'alice', peer: 'aa', session: 'session-of-alice' };
  const state = { ...initialState(settings), members: [member as never] };
  const check = (sender: { peer: string; name: string }, body: Message) =>
    identify(state, sender, { runId: 'run', generation: 0, update: 0, body });
  const beat: Message = {
    ...{ kind: 'heartbeat', session: member.session, phase: 'ready', workingUpdate: 0, progress: 0, phaseMs: 0 },
  };
  const joined: Message = {
    kind: 'joined',
    session: member.session,
    dataEndpoint: '',
    dataKey: '',
    heldGeneration: 0,
    heldUpdate: 0,
  };

  it("has the key's name, or is refused", () => {
    expect(check({ peer: 'bb', name: 'bob' }, hello)).toMatchObject({ envelope: { body: { worker: 'bob' } } });
    const asAlice = check({ peer: 'bb', name: 'bob' }, { ...hello, worker: 'alice' } as Message);
    expect(asAlice).toEqual({ refusal: expect.stringMatching(/key is that of bob, not of alice/) });
  });

  it("cannot take another's session for the one it had before", () => {
    const back = { ...hello, formerSession: member.session } as Message;
    expect(check({ peer: 'bb', name: 'alice' }, back)).toHaveProperty('envelope');
    expect(check({ peer: 'bb', name: 'bob' }, back)).toEqual({
      refusal: expect.stringMatching(/former session is that of alice/),
    });
    const unknown = { ...hello, formerSession: 'of-a-coordinator-before' } as Message;
    expect(check({ peer: 'bb', name: 'bob' }, unknown)).toHaveProperty('envelope');
  });

  it.each([beat, joined])('is refused in a session that was captured ($kind)', (message) => {
    expect(check({ peer: 'aa', name: 'alice' }, message)).toHaveProperty('envelope');
    for (const sender of [
      { peer: 'bb', name: 'bob' },
      { peer: 'aa', name: 'bob' },
      { peer: 'cc', name: 'alice' },
    ]) {
      expect(check(sender, message)).toEqual({ refusal: expect.stringMatching(/session is that of another/) });
    }
  });
});

describe('a coordinator with keys', () => {
  it('refuses a session that was captured by who holds another key, and goes on with its owner', async () => {
    const home = mkdtempSync(join(tmpdir(), 'gantry-guard-'));
    const files = writeKeyFolder(join(home, 'keys'), ['alice', 'bob'], { add: false });
    const warnings: string[] = [];
    const run = await startCoordinator({
      ...{ config: { ...TEST_CONFIG, workers: 2 }, runDirectory: join(home, 'run'), keys: join(home, 'keys') },
      ...{ localWorkers: 0, workerCommand: [] },
      onEvent: (event) => event.event === 'warning' && warnings.push(event.message),
    });
    const [alice, bob] = files.map((file) => new Client(run.endpoint, readWorkerKeys(file))) as [Client, Client];
    try {
      await alice.say(hello);
      await expect.poll(() => alice.heard).toEqual(['welcome']);
      const { session } = alice;
      await bob.say({ kind: 'heartbeat', session, phase: 'ready', workingUpdate: 0, progress: 0, phaseMs: 0 });
      await bob.say({
        kind: 'joined',
        session,
        dataEndpoint: 'tcp://127.0.0.1:9',
        dataKey: '',
        heldGeneration: 0,
        heldUpdate: 0,
      });
      await bob.say({ ...hello, worker: 'alice' } as Message);
      await bob.say({ ...hello, formerSession: session } as Message);
      const refused = expect.stringMatching(
        /^GANTRY_AUTH_REFUSED: the session is that of another connection, of alice/,
      );
      const misnamed = expect.stringMatching(/^GANTRY_AUTH_REFUSED: the key is that of bob, not of alice/);
      const former = expect.stringMatching(/^GANTRY_AUTH_REFUSED: the former session is that of alice/);
      await expect.poll(() => bob.heard).toEqual([refused, refused, misnamed, former]);
      expect(warnings).toHaveLength(4);
      await bob.say(hello);
      await expect.poll(() => bob.heard.at(-1)).toBe('welcome');
      expect([bob.session === session, alice.heard]).toEqual([false, ['welcome']]);
    } finally {
      run.abort('the test is over');
      await run.done.catch(() => {});
      for (const client of [alice, bob]) client.socket.close();
      rmSync(home, { recursive: true, force: true });
    }
  });
});
