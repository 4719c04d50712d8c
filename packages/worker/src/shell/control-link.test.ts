import { createHash } from 'node:crypto';
import { ControlWords } from '@gantry/collective';
import {
  decodeEnvelope,
  encodeEnvelope,
  GANTRY_VERSION,
  type Member,
  type Message,
  PROTOCOL_VERSION,
  STATE_CHUNK_BYTES_MAX,
  UNMEASURED,
} from '@gantry/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Router } from 'zeromq';
import { ControlLink } from './control-link.js';
import type { FromControl } from './control-messages.js';
import { PHASE_INDEX, ProgressWords } from './progress-words.js';

const RUN = 'run-1';
const SESSION = 'session-1';

/** The other end: a coordinator that says what the test tells it to, and echoes heartbeats if asked to. */
class Coordinator {
  readonly router = new Router({ linger: 0 });
  readonly heard: Message[] = [];
  echo = true;
  /** Reads nothing more until it is called. */
  #hearAgain: Promise<void> = Promise.resolve();
  #peer: Buffer | null = null;

  async open(): Promise<string> {
    await this.router.bind('tcp://127.0.0.1:*');
    void this.#receive();
    return this.router.lastEndpoint!;
  }

  async say(body: Message, { runId = RUN, generation = 0 } = {}): Promise<void> {
    await this.router.send([this.#peer!, encodeEnvelope({ runId, generation, update: 0, body })]);
  }

  async sayBytes(frame: Uint8Array): Promise<void> {
    await this.router.send([this.#peer!, frame]);
  }

  /** From the next message on. @returns ends it */
  beDeaf(): () => void {
    let end = (): void => {};
    this.#hearAgain = new Promise((resolve) => {
      end = resolve;
    });
    return end;
  }

  kinds(): string[] {
    return this.heard.map(({ kind }) => kind);
  }

  readonly #unlessOpen = (error: unknown): void => {
    if (!this.router.closed) throw error;
  };

  async #receive(): Promise<void> {
    for await (const [peer, frame] of this.router) {
      await this.#hearAgain;
      this.#peer = peer!;
      const { body } = decodeEnvelope(frame!);
      this.heard.push(body);
      // A beat may still arrive while the test's end closes the socket: there is nobody left to answer.
      if (body.kind === 'heartbeat' && this.echo && !this.router.closed) await this.say(body).catch(this.#unlessOpen);
    }
  }
}

/** With a lease that no busy machine makes run out. */
const welcome = {
  kind: 'welcome',
  worker: 'w',
  session: SESSION,
  runConfigJson: '{}',
  heartbeatMs: 20,
  leaseMs: 60_000,
  modelPath: '',
} satisfies Message;

describe('ControlLink', () => {
  const coordinator = { current: new Coordinator() };
  let control: ControlWords;
  let progress: ProgressWords;
  let link: ControlLink;
  let posted: FromControl[];

  beforeEach(async () => {
    coordinator.current = new Coordinator();
    control = new ControlWords();
    progress = new ProgressWords();
    posted = [];
    link = new ControlLink(
      {
        endpoint: await coordinator.current.open(),
        hello: {
          ...{
            kind: 'hello',
            protocolVersion: PROTOCOL_VERSION,
            gantryVersion: GANTRY_VERSION,
            worker: 'w',
            host: 'h',
          },
          ...{ pid: 1, cores: 1, launchToken: '', hub: false, formerSession: '' },
        },
        keys: null,
        mayReturn: false,
        controlBuffer: control.buffer,
        progressBuffer: progress.buffer,
        flight: null,
        mainTimeOrigin: performance.timeOrigin,
        parentFd: null,
      },
      (message) => posted.push(message),
    );
    await expect.poll(() => coordinator.current.kinds()).toEqual(['hello']);
  });

  afterEach(async () => {
    await link.close();
    coordinator.current.router.close();
  });

  it('takes no notice of a welcome that comes while it closes: it would go on for ever', async () => {
    const hearAgain = coordinator.current.beDeaf();
    // More than the sockets and the system take, so that closing waits for them.
    for (let sent = 0; sent < 30_000; sent++) link.send({ kind: 'notice', text: 'x'.repeat(1_000) });
    const closed = link.close();
    await coordinator.current.say(welcome);
    await closed;
    hearAgain();
    expect(posted).toEqual([]);
    expect(coordinator.current.kinds()).not.toContain('heartbeat');
  });

  it('beats with where the main thread is, and passes messages on', async () => {
    const { current } = coordinator;
    progress.commit(6);
    progress.enter(PHASE_INDEX.gathering, 7, performance.now());
    await current.say(welcome);
    await expect.poll(() => current.kinds().filter((kind) => kind === 'heartbeat').length).toBeGreaterThan(2);
    expect(current.heard.find(({ kind }) => kind === 'heartbeat')).toMatchObject({
      session: SESSION,
      phase: 'gathering',
      workingUpdate: 7,
      progress: 1,
    });
    expect(posted).toEqual([{ type: 'message', message: welcome, runId: RUN }]);
  });

  it('claims no update that a run which goes back has not reached again', async () => {
    const { current } = coordinator;
    progress.commit(60);
    await current.say(welcome);
    const assignment: Message = {
      kind: 'assignment',
      generation: 2,
      members: [],
      sharedMemory: '',
      startUpdate: 40,
      stateSha256: '',
      network: UNMEASURED,
    };
    await current.say(assignment, { generation: 2 });
    await expect.poll(() => progress.committed).toBe(40);
  });

  it('lives on and says so when it cannot send or take something', async () => {
    const { current } = coordinator;
    await current.say(welcome);
    link.send({ kind: 'stopped', atUpdate: -1 });
    await expect.poll(() => posted.at(-1)).toMatchObject({ type: 'failed', code: 'GANTRY_PROTOCOL_INVALID' });
    await current.sayBytes(new Uint8Array([1, 2, 3]));
    await expect.poll(() => posted.filter(({ type }) => type === 'failed')).toHaveLength(2);
    link.send({ kind: 'failure', code: 'GANTRY_INTERNAL', message: 'as it was told', detailsJson: '' });
    await expect.poll(() => current.kinds()).toContain('failure');
    expect(posted.some(({ type }) => type === 'lost')).toBe(false);
  });

  it('turns abort, stop and a wish to stop into words that end any wait', async () => {
    const { current } = coordinator;
    await current.say(welcome);
    await current.say({ kind: 'stopRequest', save: true });
    await current.say({ kind: 'stop', atUpdate: 12 });
    await expect.poll(() => [progress.isStopWished, control.stopsBefore(13)]).toEqual([true, true]);
    expect(control.stopsBefore(12)).toBe(false);
    await current.say({ kind: 'abort', code: 'GANTRY_WORKER_LOST', message: 'x' });
    await expect.poll(() => control.aborted).toBe(true);
  });

  it('forgets a wish to stop with the generation that it was for', async () => {
    const { current } = coordinator;
    await current.say(welcome);
    await current.say({ kind: 'stopRequest', save: true });
    await expect.poll(() => progress.isStopWished).toBe(true);
    const assignment: Message = {
      ...{ kind: 'assignment', generation: 2, members: [], sharedMemory: '', startUpdate: 0, stateSha256: '' },
      network: UNMEASURED,
    };
    await current.say(assignment, { generation: 2 });
    await expect.poll(() => progress.isStopWished).toBe(false);
    // Another one of that generation is the same once more: it changes nothing, and is passed on to nobody.
    progress.wishStop();
    await current.say(assignment, { generation: 2 });
    await expect.poll(() => progress.stale).toBe(1);
    expect(progress.isStopWished).toBe(true);
    expect(posted.filter((one) => one.type === 'message' && one.message.kind === 'assignment')).toHaveLength(1);
  });

  it('gives a silent coordinator up after the lease, and says so', async () => {
    const { current } = coordinator;
    await current.say({ ...welcome, leaseMs: 100 });
    await current.say({ kind: 'start', generation: 0 });
    await expect.poll(() => current.kinds()).toContain('heartbeat');
    current.echo = false;
    await expect.poll(() => control.aborted).toBe(true);
    expect(posted.at(-1)).toMatchObject({ type: 'lost', message: expect.stringContaining('silent for 100 ms') });
  });

  it('drops frames of other runs and of earlier generations, and counts them', async () => {
    const { current } = coordinator;
    await current.say(welcome);
    const members: Member[] = [
      { worker: 'w', host: 'h', shards: [0], dataEndpoint: '', dataKey: '', hub: false, place: 'initial' },
    ];
    const assignment: Message = {
      ...{ kind: 'assignment', generation: 3, members, sharedMemory: '' },
      ...{ startUpdate: 0, stateSha256: '', network: UNMEASURED },
    };
    await current.say(assignment, { generation: 3 });
    await current.say({ kind: 'start', generation: 2 }, { generation: 2 });
    await current.say({ kind: 'bye' }, { runId: 'run-2', generation: 3 });
    await expect.poll(() => progress.stale).toBe(2);
    expect(posted.map((one) => (one.type === 'message' ? one.message.kind : one.type))).toEqual([
      'welcome',
      'assignment',
    ]);
  });

  it('streams a state in chunks with its hash, and takes one in', async () => {
    const { current } = coordinator;
    await current.say(welcome);
    await expect.poll(() => posted).toHaveLength(1);
    const bytes = Uint8Array.from({ length: STATE_CHUNK_BYTES_MAX + 8 }, (_, index) => index % 251);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    link.stream(20, bytes.slice().buffer);
    await expect.poll(() => current.kinds().filter((kind) => kind === 'stateChunk')).toHaveLength(2);
    const chunks = current.heard.filter((message) => message.kind === 'stateChunk');
    expect(chunks.map(({ offset }) => offset)).toEqual([0, STATE_CHUNK_BYTES_MAX]);
    expect(chunks.map((chunk) => chunk.sha256)).toEqual(['', sha256]);
    await current.say({ kind: 'stateReceived', stateUpdate: 20 });
    await expect.poll(() => posted.at(-1)).toEqual({ type: 'delivered', update: 20, sha256 });
    for (const chunk of chunks) await current.say(chunk);
    await expect.poll(() => posted.at(-1)).toMatchObject({ type: 'state', update: 20, sha256 });
    const last = posted.at(-1)!;
    expect(last.type === 'state' && Buffer.from(last.state).equals(bytes)).toBe(true);
  });

  it('says since when nothing has moved where a state is on its way', async () => {
    const { current } = coordinator;
    const MINUTES_MS = 300_000;
    const told = (phase: keyof typeof PHASE_INDEX): number[] =>
      current.heard.flatMap((message) =>
        message.kind === 'heartbeat' && message.phase === phase ? [message.phaseMs] : [],
      );
    const toldLast = (phase: keyof typeof PHASE_INDEX) => expect.poll(() => told(phase).at(-1) ?? Number.NaN);
    progress.enter(PHASE_INDEX.saving, 7, performance.now() - MINUTES_MS);
    await current.say(welcome);
    await toldLast('saving').toBeGreaterThanOrEqual(MINUTES_MS);
    link.stream(20, new ArrayBuffer(8));
    await toldLast('saving').toBeLessThan(MINUTES_MS);
    progress.enter(PHASE_INDEX.compiling, 7, performance.now() - MINUTES_MS);
    await toldLast('compiling').toBeLessThan(MINUTES_MS);
    // Whoever computes waits for no state.
    progress.enter(PHASE_INDEX.computing, 7, performance.now() - MINUTES_MS);
    await toldLast('computing').toBeGreaterThanOrEqual(MINUTES_MS);
  });

  it('sends nothing more of a state once it has paused', async () => {
    const { current } = coordinator;
    await current.say(welcome);
    await expect.poll(() => posted).toHaveLength(1);
    link.stream(20, new ArrayBuffer(4 * STATE_CHUNK_BYTES_MAX));
    const held = { heldGeneration: 1, heldUpdate: 20, dataEndpoint: '', dataKey: '' };
    link.send({ kind: 'paused', session: SESSION, generation: 1, ...held });
    await expect.poll(() => current.kinds()).toContain('paused');
    const beats = (): number => current.kinds().filter((kind) => kind === 'heartbeat').length;
    const before = beats();
    await expect.poll(() => beats()).toBeGreaterThan(before + 2);
    expect(current.kinds().filter((kind) => kind === 'stateChunk').length).toBeLessThan(2);
  });

  it.each<Message>([{ kind: 'pause', generation: 0 }, { kind: 'rejoin' }])(
    'lets the rest of a state pass that was on its way to it at $kind',
    async (word) => {
      const { current } = coordinator;
      await current.say(welcome);
      const chunk = (offset: number, sha256: string): Message => {
        return { kind: 'stateChunk', stateUpdate: 1, offset, totalBytes: 16, data: new Uint8Array(8), sha256 };
      };
      await current.say(chunk(0, ''));
      await current.say(word);
      await current.say(chunk(8, 'a'.repeat(64)));
      await current.say({ kind: 'bye' });
      await expect.poll(() => posted.at(-1)).toMatchObject({ type: 'message', message: { kind: 'bye' } });
      expect(posted.map(({ type }) => type)).toEqual(['message', 'message', 'message']);
    },
  );

  it('refuses a damaged state', async () => {
    const { current } = coordinator;
    await current.say(welcome);
    const data = new Uint8Array(8);
    await current.say({
      ...{ kind: 'stateChunk', stateUpdate: 1, offset: 0, totalBytes: 8, data },
      sha256: 'a'.repeat(64),
    });
    await expect
      .poll(() => posted.at(-1))
      .toMatchObject({ type: 'failed', message: expect.stringContaining('damaged') });
  });
});
