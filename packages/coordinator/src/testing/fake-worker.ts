import { existsSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  decodeEnvelope,
  encodeEnvelope,
  GANTRY_VERSION,
  type Message,
  PROTOCOL_VERSION,
  type RunConfig,
  type StateLayout,
  sha256Hex,
  UNMEASURED,
} from '@gantry/common';
import { Dealer } from 'zeromq';

/**
 * A worker that speaks the protocol and trains nothing: its state after update u is a function of u. A client of the
 * coordinator, run as a process of its own. FAKE_FAULT says what goes wrong: `exit@U`, `kill@U`, `mute@U` (no heartbeat,
 * deaf to SIGTERM), `failure@U`, `corrupt@U` (a state that is not what its hash says), `garbage@U`, each for the worker
 * FAKE_WORKER, and only once the file FAKE_AFTER exists; FAKE_STEP_MS is how long a step takes,
 * FAKE_PROGRAM the hash of what it says it compiled.
 */
interface Fault {
  readonly kind: string;
  readonly update: number;
}

export const FAKE_LAYOUT: StateLayout = {
  length: 48,
  sections: [
    section('discriminator', 'params', 0, 'dense/kernel', [2, 3]),
    section('generator', 'params', 16, 'dense/kernel', [4]),
    section('generator', 'ema', 32, 'dense/kernel', [4]),
  ],
};

function section(
  network: 'discriminator' | 'generator',
  role: 'params' | 'ema',
  offset: number,
  name: string,
  shape: number[],
): StateLayout['sections'][number] {
  const length = shape.reduce((product, size) => product * size, 1);
  return { network, role, offset, length: 16, layout: { length: 16, entries: [{ name, shape, offset: 0, length }] } };
}

/** The committed state after `update` updates, begun from `from`. */
export function fakeState(update: number): Float32Array {
  const state = new Float32Array(FAKE_LAYOUT.length);
  for (const { offset, layout } of FAKE_LAYOUT.sections) {
    for (let i = 0; i < layout.entries[0]!.length; i++) state[offset + i] = Math.fround(Math.sin(update + offset + i));
  }
  return state;
}

interface FakeRun {
  readonly config: RunConfig;
  readonly session: string;
  readonly runId: string;
}

class FakeWorker {
  readonly #socket: Dealer;
  readonly #name: string;
  readonly #hub: boolean;
  readonly #fault: Fault | null;
  #run: FakeRun | null = null;
  #generation = 0;
  #shards: readonly number[] = [];
  #leader = false;
  #update = 0;
  #stopAt = Number.POSITIVE_INFINITY;
  #startUpdate = 0;
  #received: Uint8Array[] = [];
  #mute = false;
  #epoch = 0;
  #inFlight = 0;
  #progress = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor(endpoint: string, name: string, hub: boolean) {
    this.#name = name;
    this.#hub = hub;
    const [kind, update] = (process.env.FAKE_FAULT ?? '').split('@');
    const mine = process.env.FAKE_WORKER === name && update !== undefined;
    this.#fault = mine ? { kind: kind!, update: Number(update) } : null;
    this.#socket = new Dealer({ linger: 200 });
    this.#socket.connect(endpoint);
  }

  async run(): Promise<void> {
    this.#send({
      kind: 'hello',
      protocolVersion: PROTOCOL_VERSION,
      gantryVersion: GANTRY_VERSION,
      worker: this.#name,
      host: 'here',
      pid: process.pid,
      cores: 1,
      launchToken: process.env.GANTRY_LAUNCH_TOKEN ?? '',
      hub: this.#hub,
      formerSession: '',
    });
    for await (const [frame] of this.#socket) {
      const { body, runId } = decodeEnvelope(frame!);
      if (body.kind === 'bye') return this.#leave(0);
      if (body.kind === 'abort' || body.kind === 'refused') {
        console.error(`${body.code}: ${body.message}`);
        if (this.#mute) continue;
        return this.#leave(1);
      }
      this.#onMessage(body, runId);
    }
  }

  #leave(code: number): void {
    this.#socket.close();
    process.exitCode = code;
    setTimeout(() => process.exit(code), 50);
  }

  #onMessage(body: Message, runId: string): void {
    if (body.kind === 'welcome') this.#onWelcome(body, runId);
    if (body.kind === 'pause') this.#pause(body.generation);
    if (body.kind === 'assignment') this.#onAssignment(body);
    if (body.kind === 'stateChunk') this.#onChunk(body);
    if (body.kind === 'start') void this.#train();
    if (body.kind === 'stateReceived') this.#inFlight = Math.max(0, this.#inFlight - 1);
    if (body.kind === 'stopRequest') this.#stopAt = this.#nextStepEnd();
    if (body.kind === 'stop') this.#stopAt = body.atUpdate;
  }

  #onWelcome(welcome: Extract<Message, { kind: 'welcome' }>, runId: string): void {
    this.#run = { config: JSON.parse(welcome.runConfigJson) as RunConfig, session: welcome.session, runId };
    setInterval(() => this.#beat(), welcome.heartbeatMs).unref();
    const held = { heldGeneration: 0, heldUpdate: 0 };
    this.#send({ kind: 'joined', session: welcome.session, dataEndpoint: '', dataKey: '', ...held });
  }

  #beat(): void {
    if (this.#mute) return;
    const { session } = this.#run!;
    const workingUpdate = this.#update + 1;
    this.#send({
      kind: 'heartbeat',
      session,
      phase: 'computing',
      workingUpdate,
      progress: this.#progress++,
      phaseMs: 0,
    });
  }

  #onAssignment(assignment: Extract<Message, { kind: 'assignment' }>): void {
    this.#generation = assignment.generation;
    // Nobody says of the one before what has arrived.
    this.#inFlight = 0;
    const me = assignment.members.findIndex(({ worker }) => worker === this.#name);
    this.#shards = assignment.members[me]!.shards;
    this.#leader = me === 0;
    this.#startUpdate = assignment.startUpdate;
    this.#update = assignment.startUpdate;
    // The others would wait for the first of their host.
    if (assignment.members[me]!.place !== 'received') this.#ready(sha256Hex(fakeState(assignment.startUpdate)));
  }

  #onChunk(chunk: Extract<Message, { kind: 'stateChunk' }>): void {
    this.#received.push(chunk.data.slice());
    if (chunk.sha256 !== '') this.#ready(sha256Hex(...this.#received));
  }

  #ready(stateSha256: string): void {
    const stateLayoutJson = this.#leader ? JSON.stringify(FAKE_LAYOUT) : '';
    const programHash = process.env.FAKE_PROGRAM ?? 'e'.repeat(64);
    const { session } = this.#run!;
    const generation = this.#generation;
    this.#send({
      kind: 'ready',
      generation,
      session,
      programHash,
      stateSha256,
      device: 'cpu',
      engine: 'fake',
      threads: 1,
      deviceReason: '',
      stateLayoutJson,
      network: UNMEASURED,
      topology: '',
    });
  }

  #nextStepEnd(): number {
    return Math.ceil((this.#update + 1) / 2) * 2;
  }

  /** Leaves what it does, and says what it has. */
  #pause(generation: number): void {
    this.#epoch++;
    const { session } = this.#run!;
    const held = { heldGeneration: generation, heldUpdate: this.#update };
    this.#send({ kind: 'paused', session, generation, dataEndpoint: '', dataKey: '', ...held });
  }

  async #train(): Promise<void> {
    const { config } = this.#run!;
    const epoch = this.#epoch;
    const total = 2 * config.steps;
    while (this.#update < Math.min(total, this.#stopAt)) {
      await delay(Number(process.env.FAKE_STEP_MS ?? 5) / 2);
      if (epoch !== this.#epoch) return;
      this.#update++;
      if (this.#fault !== null && this.#update >= this.#fault.update) await this.#perform(this.#fault);
      if (this.#update % 2 === 0) await this.#endStep(this.#update / 2);
    }
    if (epoch !== this.#epoch) return;
    // Nothing holds fakes together: one that ran ahead goes back.
    this.#update = Math.min(this.#update, this.#stopAt);
    if (this.#update < total && this.#leader) this.#send({ kind: 'stopped', atUpdate: this.#update });
    const step = this.#update / 2;
    if (this.#leader) this.#sample(step);
    if (
      this.#leader &&
      (this.#update === this.#startUpdate || step % config.checkpointEvery !== 0 || step === config.steps)
    ) {
      await this.#stream();
    }
    this.#send({ kind: 'done', atUpdate: this.#update, stateSha256: sha256Hex(fakeState(this.#update)) });
  }

  async #endStep(step: number): Promise<void> {
    const { config } = this.#run!;
    const shards = this.#shards.length;
    const sums = shards === 0 ? [] : [shards, 2 * shards, shards / 2, shards / 4, 0];
    this.#send({
      kind: 'metrics',
      steps: [{ step: step - 1, shards, sums, phaseMs: [1, 2, 1, 1, 0], penalized: 0, endedMs: Date.now() }],
    });
    const due = config.checkpointEvery > 0 && step % config.checkpointEvery === 0 && step < config.steps;
    if (this.#leader && due) await this.#stream();
  }

  #sample(step: number): void {
    const pictures = new Uint8Array(4 * 2 * 2).map((_, index) => index * 16);
    this.#send({
      kind: 'samples',
      step,
      count: 4,
      height: 2,
      width: 2,
      channels: 1,
      ema: pictures,
      raw: pictures,
      real: pictures,
    });
  }

  /** Two chunks, the cut in the middle of a tensor. */
  async #stream(): Promise<void> {
    while (this.#inFlight > 1) await delay(1);
    this.#inFlight++;
    const state = fakeState(this.#update);
    const sha256 = sha256Hex(state);
    if (this.#fault?.kind === 'corrupt') state[0]! += 1;
    const bytes = new Uint8Array(state.buffer);
    for (const [offset, end] of [
      [0, 20],
      [20, bytes.length],
    ] as const) {
      this.#send({
        kind: 'stateChunk',
        stateUpdate: this.#update,
        offset,
        totalBytes: bytes.length,
        data: bytes.subarray(offset, end),
        sha256: end === bytes.length ? sha256 : '',
      });
    }
  }

  async #perform({ kind }: Fault): Promise<void> {
    const after = process.env.FAKE_AFTER ?? '';
    while (after !== '' && !existsSync(after)) await delay(5);
    if (kind === 'exit') {
      console.error('I give up');
      process.exit(3);
    }
    if (kind === 'kill') process.kill(process.pid, 'SIGKILL');
    if (kind === 'failure') {
      this.#send({
        kind: 'failure',
        code: 'GANTRY_NON_FINITE',
        message: 'step 3, shard 1: NaN',
        detailsJson: '{"shard":1}',
      });
    }
    if (kind === 'garbage') await this.#socket.send(new Uint8Array([1, 2, 3]));
    if (kind === 'corrupt') return;
    this.#mute = true;
    process.on('SIGTERM', () => {});
    await delay(1e6);
  }

  #send(body: Message): void {
    const runId = this.#run?.runId ?? '';
    const frame = encodeEnvelope({ runId, generation: this.#generation, update: this.#update, body });
    this.#queue = this.#queue.then(() => this.#socket.send(frame)).catch(() => {});
  }
}

function argument(name: string): string {
  const at = process.argv.indexOf(name);
  return at < 0 ? '' : process.argv[at + 1]!;
}

if (argument('--join') !== '') {
  if (process.env.GANTRY_PARENT_FD !== undefined) {
    const parent = new net.Socket({ fd: Number(process.env.GANTRY_PARENT_FD) });
    parent.on('end', () => process.exit(9));
    parent.on('error', () => process.exit(9));
    parent.resume();
    parent.unref();
  }
  process.on('SIGINT', () => {});
  console.log('hello from', argument('--worker'));
  await new FakeWorker(argument('--join'), argument('--worker'), process.argv.includes('--hub')).run();
}
