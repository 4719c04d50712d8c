import {
  type Envelope,
  type ErrorCode,
  GANTRY_VERSION,
  type Message,
  PROTOCOL_VERSION,
  type RunConfig,
} from '@gantry/common';
import { step } from '../core/coordinator-core.js';
import type { CoordinatorEvent, Settings } from '../core/events.js';
import { type CoordinatorState, initialState } from '../core/state.js';
import { renderEffect } from './render-effect.js';

/**
 * Scenarios as text. A line `> …` is an event, the lines `< …` below it are its effects, `#` begins a comment:
 *
 *     config workers=2 shards=4
 *     > 0 hello worker-0 token=launch-token
 *     < send worker-0 welcome …
 *
 * Events: `> MS KIND WORKER key=value …` for messages (a worker's peer is its name), `> MS exit WORKER code=1|signal=SIGKILL`,
 * `> MS gone WORKER`, `> MS tick`, `> MS ticks` (one every 50 ms since the last), `> MS beats` (a heartbeat of everyone who has joined), `> MS saved update=… `,
 * `> MS restored step=…`, `> MS nonsense WORKER`, `> MS stop`, `> MS abort`, `> MS failed code=…`.
 */
export function play(text: string): { output: string; state: CoordinatorState } {
  const lines = text.split('\n').filter((line) => !line.startsWith('<'));
  let state: CoordinatorState | undefined;
  const output: string[] = [];
  for (const line of lines) {
    output.push(line);
    const words = line.split(/\s+/).filter((word) => word !== '');
    if (words[0] === 'config') state = initialState(settingsOf(parameters(words)));
    if (words[0] !== '>') continue;
    for (const event of eventsOf(state!, words.slice(1))) {
      const next = step(state!, event);
      state = next.state;
      const lines = next.effects.flatMap(renderEffect);
      if (words[2] === 'ticks' && lines.length > 0) output.push(`< at ${event.nowMs}`);
      output.push(...lines);
    }
  }
  return { output: output.join('\n'), state: state! };
}

type Parameters = Readonly<Record<string, string>>;
const HASH = { a: 'a'.repeat(64), b: 'b'.repeat(64), p: 'c'.repeat(64), q: 'd'.repeat(64), none: '' } as Record<
  string,
  string
>;
const TOKEN = 'launch-token';

/** A run of no special kind. */
export const TEST_CONFIG: RunConfig = {
  preset: 'mlp',
  model: null,
  dataset: 'mnist',
  workers: 2,
  minWorkers: 1,
  maxWorkers: 4,
  maxRestarts: 1,
  shards: 4,
  batch: 100,
  steps: 100,
  seed: 1,
  engine: 'onnx',
  device: 'cpu',
  threads: 1,
  transport: 'shm',
  topology: 'direct',
  balance: 'auto',
  wire: 'fp32',
  updates: 'alternating',
  discriminatorUpdates: 1,
  loss: 'non-saturating',
  adam: { learningRate: 0.001, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 },
  emaDecay: 0.999,
  r1Gamma: 1,
  r1Interval: 4,
  checkpointEvery: 10,
  checkpointKeep: 2,
  sampleEvery: 0,
  verifyEvery: 20,
  stalled: 'replace',
  leaseMs: 1500,
};

function settingsOf(given: Parameters): Settings {
  const config = Object.fromEntries(
    Object.entries(TEST_CONFIG).map(([key, value]) => {
      const text = given[key];
      return [key, text === undefined ? value : typeof value === 'number' ? Number(text) : text];
    }),
  ) as unknown as RunConfig;
  const local = Number(given.local ?? config.workers);
  return {
    runId: 'run-1',
    config,
    localWorkers: Array.from({ length: local }, (_, index) => `worker-${index}`),
    hub: config.topology === 'star' ? 'hub' : null,
    launchToken: TOKEN,
    hasKeys: given.keys === 'true',
    resumeCommand: 'npx gantry resume --out runs/one',
    resume: given.resume === 'true',
    allowNumbers: given.allow === 'numbers',
    generation: Number(given.generation ?? 0),
    distrusted: Number(given.distrusted ?? 0),
    formerMembers: given.former === 'unknown' ? null : (given.former?.split(',') ?? []),
    startedMs: 0,
  };
}

function parameters(words: readonly string[]): Parameters {
  return Object.fromEntries(
    words
      .filter((word) => word.includes('='))
      .map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  );
}

function eventsOf(state: CoordinatorState, [ms, kind, ...rest]: string[]): CoordinatorEvent[] {
  const nowMs = Number(ms);
  const given = parameters(rest);
  const worker = rest[0] ?? '';
  const update = Number(given.update ?? 0);
  const record = {
    update,
    step: update / 2,
    stateSha256: HASH[given.sha ?? 'a']!,
    path: `checkpoints/update-${update}`,
  };
  switch (kind) {
    case 'tick':
      return [{ type: 'tick', nowMs }];
    case 'ticks': {
      const first = state.lastTickMs + 50;
      const count = Math.max(0, Math.floor((nowMs - first) / 50) + 1);
      return Array.from({ length: count }, (_, index) => ({ type: 'tick', nowMs: first + 50 * index }));
    }
    case 'stop':
      return [{ type: 'stop', nowMs }];
    case 'abort':
      return [{ type: 'abort', nowMs, reason: 'stopped at once' }];
    case 'gone':
      return [{ type: 'disconnected', nowMs, peer: worker }];
    case 'exit': {
      const code = given.code === undefined ? null : Number(given.code);
      return [
        {
          type: 'childExit',
          nowMs,
          worker,
          code,
          signal: given.signal ?? null,
          lastWords: given.said ?? '',
          attempt: Number(given.attempt ?? 0),
        },
      ];
    }
    case 'saved':
      return [{ type: 'checkpointSaved', nowMs, checkpoint: record }];
    case 'restored':
      return [
        {
          type: 'restored',
          nowMs,
          checkpoint: update === 0 ? null : record,
          programHash: update === 0 ? '' : HASH[given.program ?? 'p']!,
          kept: update === 0 ? [] : [record.step],
        },
      ];
    case 'nonsense':
      return [{ type: 'nonsense', nowMs, peer: worker, code: 'GANTRY_PROTOCOL_INVALID', message: 'it is no message' }];
    case 'failed':
      return [{ type: 'failed', nowMs, code: given.code as ErrorCode, message: 'the disk is full', details: {} }];
    case 'beats':
      return state.members.map((member) => message(state, nowMs, member.worker, beat(member.worker, given, nowMs)));
    default:
      return [message(state, nowMs, worker, bodyOf(state, kind!, worker, given, nowMs), given)];
  }
}

function message(
  state: CoordinatorState,
  nowMs: number,
  worker: string,
  body: Message,
  given: Parameters = {},
): CoordinatorEvent {
  const envelope: Envelope = {
    runId: body.kind === 'hello' ? '' : (given.run ?? 'run-1'),
    generation: Number(given.generation ?? state.generation),
    update: Number(given.committed ?? 0),
    body,
  };
  return { type: 'message', nowMs, peer: given.peer ?? worker, envelope, freshId: sessionOf(worker) };
}

function sessionOf(worker: string): string {
  return `session-of-${worker}`;
}

function beat(worker: string, given: Parameters, nowMs: number): Message {
  return {
    kind: 'heartbeat',
    session: given.session ?? sessionOf(worker),
    phase: (given.phase ?? 'computing') as 'computing',
    workingUpdate: Number(given.working ?? 50),
    progress: Number(given.progress ?? nowMs),
    phaseMs: Number(given.for ?? 0),
  };
}

const METRIC_SUMS = [0.5, 1, 0.75, 0.25, 2];

function heldOf(given: Parameters) {
  return { heldGeneration: Number(given.held ?? 0), heldUpdate: Number(given.update ?? 0) };
}

function bodyOf(state: CoordinatorState, kind: string, worker: string, given: Parameters, nowMs: number): Message {
  const session = given.session ?? sessionOf(worker);
  const atUpdate = Number(given.update ?? 0);
  switch (kind) {
    case 'hello':
      return {
        kind,
        protocolVersion: Number(given.protocol ?? PROTOCOL_VERSION),
        gantryVersion: given.version ?? GANTRY_VERSION,
        worker: given.name ?? worker,
        host: given.host ?? 'host-a',
        pid: Number(given.pid ?? 100),
        cores: 2,
        launchToken: given.token ?? (given.by === 'hand' ? '' : TOKEN),
        hub: given.hub === 'true',
        formerSession: given.former ?? '',
      };
    case 'joined':
      return {
        kind,
        session,
        dataEndpoint: given.endpoint ?? '',
        dataKey: given.key === undefined ? '' : given.key.repeat(40),
        ...heldOf(given),
      };
    case 'paused':
      return {
        kind,
        session,
        generation: state.generation,
        dataEndpoint: given.endpoint ?? '',
        dataKey: given.key === undefined ? '' : given.key.repeat(40),
        ...heldOf(given),
      };
    case 'ready':
      return {
        kind,
        generation: Number(given.generation ?? 1),
        session,
        programHash: HASH[given.program ?? 'p']!,
        stateSha256: HASH[given.sha ?? 'a']!,
        device: 'cpu',
        engine: 'onnx',
        threads: 1,
        deviceReason: '',
        stateLayoutJson: '{"length":32}',
        network: { latencyUs: Number(given.us ?? 0), kilobytesPerSecond: Number(given.kBps ?? 0) },
        topology: given.topology ?? '',
      };
    case 'beat':
      return beat(worker, given, nowMs);
    case 'metrics': {
      const [from = 0, to = 0] = (given.steps ?? '0').split('-').map(Number);
      const shards = Number(given.shards ?? 2);
      const steps = Array.from({ length: (to || from) - from + 1 }, (_, index) => ({
        step: from + index,
        shards,
        sums: METRIC_SUMS.map((mean) => mean * shards),
        phaseMs: [1, Number(given.ms ?? 5), 2, 1, 1],
        penalized: 1,
        endedMs: 1_000,
      }));
      return { kind, steps };
    }
    case 'chunk': {
      const [offset = 0, end = 128] = (given.bytes ?? '0-128').split('-').map(Number);
      const sha256 = end === 128 ? HASH[given.sha ?? 'a']! : '';
      return {
        kind: 'stateChunk',
        stateUpdate: atUpdate,
        offset,
        totalBytes: Number(given.total ?? 128),
        data: new Uint8Array(end - offset),
        sha256,
      };
    }
    case 'hash':
      return { kind: 'stateHash', atUpdate, hash: HASH[given.sha ?? 'a']!.slice(0, 32) };
    case 'unreached':
      return { kind, worker: given.other! };
    case 'stopped':
      return { kind, atUpdate };
    case 'done':
      return { kind, atUpdate, stateSha256: HASH[given.sha ?? 'a']! };
    case 'failure':
      return { kind, code: given.code as ErrorCode, message: 'it broke', detailsJson: '{"tensor":"kernel"}' };
    case 'leave':
      return { kind, reason: 'SIGTERM' };
    default:
      throw new Error(`no event ${kind}`);
  }
}
