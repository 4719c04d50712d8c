import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../errors.js';
import { BODY_FIELDS, decodeEnvelope, encodeEnvelope } from './codec.js';
import { DATA_PIECE_BYTES_MAX, GANTRY_VERSION, STATE_CHUNK_BYTES_MAX } from './constants.js';
import { type Message, PHASES } from './messages.js';
import { RULES } from './rules.js';

const root = new URL('../../../../', import.meta.url);
const proto = protobuf.parse(readFileSync(new URL('proto/gantry/v1/control.proto', root), 'utf8')).root;
const hash = 'ab'.repeat(32);

const examples: { [K in Message['kind']]: Extract<Message, { kind: K }> } = {
  hello: {
    kind: 'hello',
    protocolVersion: 1,
    gantryVersion: '0.1.0',
    worker: '',
    host: 'box-1.local',
    pid: 4_000_000_000,
    cores: 2,
    launchToken: 'abc_-9',
    formerSession: 'deadbeef00',
    hub: true,
  },
  welcome: {
    kind: 'welcome',
    worker: 'w0',
    session: 'deadbeef01',
    runConfigJson: '{"name":"é"}',
    heartbeatMs: 250,
    leaseMs: 2000,
    modelPath: '',
  },
  joined: {
    kind: 'joined',
    session: 'deadbeef01',
    dataEndpoint: 'tcp://127.0.0.1:4000',
    dataKey: 'a'.repeat(40),
    heldGeneration: 2,
    heldUpdate: 9,
  },
  pause: { kind: 'pause', generation: 3 },
  paused: {
    kind: 'paused',
    session: 'deadbeef01',
    generation: 3,
    heldGeneration: 3,
    heldUpdate: 41,
    dataEndpoint: 'tcp://127.0.0.1:4001',
    dataKey: 'b'.repeat(40),
  },
  stateRequest: { kind: 'stateRequest', stateUpdate: 41 },
  rejoin: { kind: 'rejoin' },
  refused: { kind: 'refused', code: 'GANTRY_VERSION_MISMATCH', message: 'too old' },
  assignment: {
    kind: 'assignment',
    generation: 1,
    members: [
      { worker: 'w0', host: 'h', shards: [0, 2], dataEndpoint: '', dataKey: '', hub: false, place: 'copied' },
      {
        worker: 'hub',
        host: 'h',
        shards: [],
        dataEndpoint: 'ipc:///tmp/x',
        dataKey: 'B'.repeat(40),
        hub: true,
        place: 'attached',
      },
    ],
    sharedMemory: 'gantry-1-abc',
    startUpdate: 7,
    stateSha256: hash,
    network: { latencyUs: 120, kilobytesPerSecond: 117_500 },
  },
  ready: {
    kind: 'ready',
    generation: 1,
    session: 'deadbeef01',
    programHash: hash,
    stateSha256: hash,
    device: 'cpu',
    engine: 'onnx',
    threads: 1,
    deviceReason: 'the first accelerator that works',
    stateLayoutJson: '{}',
    network: { latencyUs: 0, kilobytesPerSecond: 0 },
    topology: 'direct',
  },
  start: { kind: 'start', generation: 3 },
  heartbeat: {
    kind: 'heartbeat',
    session: 'deadbeef01',
    phase: 'gathering',
    workingUpdate: 9,
    progress: 88,
    phaseMs: 1.5,
  },
  metrics: {
    kind: 'metrics',
    steps: [
      {
        step: 3,
        shards: 2,
        sums: [0.5, Number.NaN],
        phaseMs: [1, 2, 3, 4, 5],
        penalized: 1,
        endedMs: 1_800_000_000_000,
      },
    ],
  },
  stateChunk: {
    kind: 'stateChunk',
    stateUpdate: 4,
    offset: 2 ** 40,
    totalBytes: 2 ** 41,
    data: new Uint8Array([1, 2, 3]),
    sha256: '',
  },
  stateReceived: { kind: 'stateReceived', stateUpdate: 4 },
  stateHash: { kind: 'stateHash', atUpdate: 100, hash: 'c1'.repeat(16) },
  unreached: { kind: 'unreached', worker: 'worker-2' },
  samples: {
    kind: 'samples',
    step: 1,
    count: 1,
    height: 1,
    width: 2,
    channels: 1,
    ema: new Uint8Array([9, 8]),
    raw: new Uint8Array(0),
    real: new Uint8Array([1, 0]),
  },
  stopRequest: { kind: 'stopRequest', save: true },
  stopped: { kind: 'stopped', atUpdate: 12 },
  stop: { kind: 'stop', atUpdate: 12 },
  done: { kind: 'done', atUpdate: 12, stateSha256: hash },
  failure: { kind: 'failure', code: 'GANTRY_NON_FINITE', message: 'NaN', detailsJson: '{}' },
  abort: { kind: 'abort', code: 'GANTRY_WORKER_LOST', message: 'w1 died' },
  leave: { kind: 'leave', reason: 'SIGTERM' },
  bye: { kind: 'bye' },
  datasetQuery: { kind: 'datasetQuery', heldSha256: '', reason: 'GANTRY_DATA=stream' },
  datasetAnswer: { kind: 'datasetAnswer', manifestJson: '{"count":1}', problem: '' },
  dataRequest: { kind: 'dataRequest', datasetSha256: hash, chunk: 3, offset: 262_144, bytes: 262_144 },
  dataChunk: { kind: 'dataChunk', chunk: 3, offset: 262_144, data: new Uint8Array([1, 2]), problem: '' },
  notice: { kind: 'notice', text: 'no room on the disk' },
};

/** Equality must not tell a Buffer from a Uint8Array. */
const plain = (message: Message): object =>
  Object.fromEntries(
    Object.entries(message).map(([key, value]) => [key, value instanceof Uint8Array ? [...value] : value]),
  );

function refusal(action: () => unknown): GantryError {
  try {
    action();
  } catch (error) {
    if (error instanceof GantryError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('codec', () => {
  it.each(Object.values(examples))('carries $kind unchanged', (body) => {
    const frame = encodeEnvelope({ runId: 'run-1', generation: 2, update: 5, body });
    const envelope = decodeEnvelope(frame);
    expect(envelope).toMatchObject({ runId: 'run-1', generation: 2, update: 5 });
    expect(plain(envelope.body)).toEqual(plain(body));
  });

  it('knows every message, field number and phase of control.proto', () => {
    const envelope = proto.lookupType('gantry.v1.Envelope');
    const numbers = Object.fromEntries(envelope.oneofs.body!.fieldsArray.map((field) => [field.name, field.id]));
    expect(numbers).toEqual(BODY_FIELDS);
    const phases = Object.keys(proto.lookupEnum('gantry.v1.Phase').values).slice(1);
    expect(phases).toEqual(PHASES.map((phase) => `PHASE_${phase.toUpperCase()}`));
    for (const [kind, example] of Object.entries(examples)) {
      const type = proto.lookupType(`gantry.v1.${kind[0]!.toUpperCase()}${kind.slice(1)}`);
      expect(['kind', ...type.fieldsArray.map((field) => field.name)].sort()).toEqual(Object.keys(example).sort());
    }
  });

  it('says the version that package.json has', () => {
    expect(JSON.parse(readFileSync(new URL('package.json', root), 'utf8')).version).toBe(GANTRY_VERSION);
  });

  const send = (body: Message) => encodeEnvelope({ runId: '', generation: 0, update: 0, body });

  it.each<[string, Message, string]>([
    ['a name with a slash', { ...examples.hello, worker: '../../etc' }, 'hello.worker'],
    ['an unknown code', { ...examples.abort, code: 'EVIL' as never }, 'abort.code'],
    ['a short session', { ...examples.joined, session: 'x' }, 'joined.session'],
    [
      'shards out of order',
      { ...examples.assignment, members: [{ ...examples.assignment.members[0]!, shards: [2, 1] }] },
      'assignment.members[0].shards',
    ],
    [
      'a chunk too large',
      { ...examples.stateChunk, data: new Uint8Array(STATE_CHUNK_BYTES_MAX + 1) },
      'stateChunk.data',
    ],
    [
      'a piece of the data set too large',
      { ...examples.dataChunk, data: new Uint8Array(DATA_PIECE_BYTES_MAX + 1) },
      'dataChunk.data',
    ],
    ['a request for too much', { ...examples.dataRequest, bytes: DATA_PIECE_BYTES_MAX + 1 }, 'dataRequest.bytes'],
    ['a data set that is no hash', { ...examples.dataRequest, datasetSha256: '../x' }, 'dataRequest.datasetSha256'],
    ['an offset past 2^53', { ...examples.stateChunk, offset: 2 ** 60 }, 'stateChunk.offset'],
    ['memory that climbs', { ...examples.assignment, sharedMemory: '/dev/shm/../x' }, 'assignment.sharedMemory'],
    ['an unknown phase', { ...examples.heartbeat, phase: 'resting' as never }, 'heartbeat.phase'],
    ['a generation that none can follow', { ...examples.joined, heldGeneration: 0xffffffff }, 'joined.heldGeneration'],
    ['the same of one that pauses', { ...examples.paused, heldGeneration: 2 ** 31 }, 'paused.heldGeneration'],
    ['a negative update', { ...examples.stop, atUpdate: -1 }, 'stop.atUpdate'],
  ])('refuses %s and names the field', (_, body, field) => {
    const error = refusal(() => send(body));
    expect(error.code).toBe('GANTRY_PROTOCOL_INVALID');
    expect(error.message).toContain(field);
  });

  it('checks what it decodes, not only what it encodes', () => {
    const type = proto.lookupType('gantry.v1.Envelope');
    const frame = (body: object) => type.encode(type.fromObject(body)).finish();
    const joined = { session: 'deadbeef01', heldGeneration: 0xffffffff };
    expect(refusal(() => decodeEnvelope(frame({ joined }))).message).toContain('joined.heldGeneration');
    expect(refusal(() => decodeEnvelope(frame({ generation: 2 ** 31, bye: {} }))).message).toContain('generation');
    expect(
      refusal(() => decodeEnvelope(frame({ hello: { worker: 'a b', gantryVersion: '1', host: 'h' } }))).message,
    ).toContain('hello.worker');
    expect(refusal(() => decodeEnvelope(frame({ heartbeat: { session: 'deadbeef01', phase: 77 } }))).message).toContain(
      'phase',
    );
    expect(refusal(() => decodeEnvelope(frame({ runId: 'x' }))).message).toContain('no body');
    const two = Buffer.concat([frame({ bye: {} }), frame({ stop: { atUpdate: 1 } })]);
    expect(refusal(() => decodeEnvelope(two)).message).toContain('two bodies');
    expect(refusal(() => decodeEnvelope(frame({ leave: { reason: 'x'.repeat(100_000) } }))).message).toContain('bytes');
  });

  it('refuses thousands of empty submessages before decoding them', () => {
    const frame = Buffer.alloc(4 << 20, Buffer.from([0xa2, 0x01, 0x00]));
    expect(refusal(() => decodeEnvelope(frame)).code).toBe('GANTRY_PROTOCOL_INVALID');
  });

  it.each([
    ['assignment', [0x6a], 0x12],
    ['metrics', [0x8a, 0x01], 0x0a],
  ])('refuses half a million empty items of %s before decoding them', (_, tag, item) => {
    const items = Buffer.alloc(1 << 20, Buffer.from([item, 0x00]));
    const frame = Buffer.concat([Buffer.from([...tag, 0x80, 0x80, 0x40]), items]);
    expect(refusal(() => decodeEnvelope(frame)).message).toMatch(/more than \d+ fields/);
  });

  it('turns any truncated or random frame into its own error', () => {
    const whole = send(examples.assignment);
    for (let length = 0; length < whole.length; length++) {
      const error = refusal(() => decodeEnvelope(whole.subarray(0, length)));
      expect(error.code).toBe('GANTRY_PROTOCOL_INVALID');
    }
    let word = 1;
    for (let round = 0; round < 2000; round++) {
      const noise = new Uint8Array(64);
      for (let i = 0; i < noise.length; i++) {
        word = (Math.imul(word, 1103515245) + 12345) >>> 0;
        noise[i] = word >>> 16;
      }
      try {
        decodeEnvelope(noise);
      } catch (error) {
        expect(error).toBeInstanceOf(GantryError);
      }
    }
  });

  it('has a rule for each kind', () => {
    expect(Object.keys(RULES).sort()).toEqual(Object.keys(BODY_FIELDS).sort());
  });
});
