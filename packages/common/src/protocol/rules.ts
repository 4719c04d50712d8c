import {
  DATA_PIECE_BYTES_MAX,
  DATASET_MANIFEST_CHARS_MAX,
  FIELDS_BYTES_MAX,
  JSON_BYTES_MAX,
  MEMBERS_MAX,
  METRIC_STEPS_MAX,
  METRIC_VALUES_MAX,
  SAMPLES_BYTES_MAX,
  SHARDS_MAX,
  STATE_CHUNK_BYTES_MAX,
} from './constants.js';
import * as field from './fields.js';
import type { LinkCosts, Member, Message, MessageKind, Phase, Place, StepMetrics } from './messages.js';
import { PHASES, PLACES, UNMEASURED } from './messages.js';

/** How one kind of message is checked: its fields, and how many bytes of it are decoded at all. */
interface Rule<M> {
  readonly bytesMax: number;
  readonly check: field.Field<Omit<M, 'kind'>>;
}

/** Decoded phases are numbers of the proto enum, encoded ones names: both are accepted, names come out. */
const phase: field.Field<Phase> = (value, where) => {
  const known = typeof value === 'number' ? PHASES[value - 1] : PHASES.find((one) => one === value);
  return known ?? field.invalid(where, `is ${JSON.stringify(value)}, which is no known phase`);
};

const place: field.Field<Place> = (value, where) => {
  const known = typeof value === 'number' ? PLACES[value - 1] : PLACES.find((one) => one === value);
  return known ?? field.invalid(where, `is ${JSON.stringify(value)}, which is no known place`);
};

const ascendingShards: field.Field<readonly number[]> = (value, where) => {
  const shards = field.list(field.count(SHARDS_MAX - 1), SHARDS_MAX)(value, where);
  for (let i = 1; i < shards.length; i++) {
    if (shards[i]! <= shards[i - 1]!) field.invalid(where, 'does not ascend');
  }
  return shards;
};

const member = field.record<Member>({
  worker: field.name,
  host: field.name,
  shards: ascendingShards,
  dataEndpoint: field.endpoint,
  dataKey: field.curveKeyOrEmpty,
  hub: field.bool,
  place,
});

const stepMetrics = field.record<StepMetrics>({
  step: field.uint32,
  shards: field.count(SHARDS_MAX),
  sums: field.list(field.double, METRIC_VALUES_MAX),
  phaseMs: field.list(field.milliseconds, METRIC_VALUES_MAX),
  penalized: field.uint32,
  endedMs: field.uint64,
});

function rule<M extends Message>(
  fields: { readonly [K in Exclude<keyof M, 'kind'>]: field.Field<M[K]> },
  bytesMax = FIELDS_BYTES_MAX,
): Rule<M> {
  const record = field.record as (fields: object) => field.Field<Omit<M, 'kind'>>;
  return { bytesMax, check: record(fields) };
}

const { uint32 } = field;

const linkCosts = field.record<LinkCosts>({ latencyUs: uint32, kilobytesPerSecond: uint32 });
/** A message inside a message may be absent; then all its fields are. */
const network: field.Field<LinkCosts> = (value, where) =>
  value === undefined || value === null ? UNMEASURED : linkCosts(value, where);

/** The table that both directions go through. A message or field without a rule does not compile. */
export const RULES: { readonly [K in MessageKind]: Rule<Extract<Message, { kind: K }>> } = {
  hello: rule({
    protocolVersion: uint32,
    gantryVersion: field.version,
    worker: field.nameOrEmpty,
    host: field.name,
    pid: uint32,
    cores: uint32,
    launchToken: field.token,
    hub: field.bool,
    formerSession: field.sessionOrEmpty,
  }),
  welcome: rule(
    {
      worker: field.name,
      session: field.session,
      runConfigJson: field.json,
      heartbeatMs: uint32,
      leaseMs: uint32,
      modelPath: field.text(4096),
    },
    JSON_BYTES_MAX,
  ),
  joined: rule({
    session: field.session,
    dataEndpoint: field.endpoint,
    dataKey: field.curveKeyOrEmpty,
    heldGeneration: field.generation,
    heldUpdate: uint32,
  }),
  refused: rule({ code: field.errorCode, message: field.message }),
  assignment: rule(
    {
      generation: field.generation,
      members: field.list(member, MEMBERS_MAX),
      sharedMemory: field.memoryName,
      startUpdate: uint32,
      stateSha256: field.sha256OrEmpty,
      network,
    },
    JSON_BYTES_MAX,
  ),
  ready: rule(
    {
      generation: field.generation,
      session: field.session,
      programHash: field.sha256OrEmpty,
      stateSha256: field.sha256OrEmpty,
      device: field.text(256),
      deviceReason: field.text(4096),
      engine: field.text(256),
      threads: uint32,
      stateLayoutJson: field.json,
      network,
      topology: field.text(64),
    },
    JSON_BYTES_MAX,
  ),
  start: rule({ generation: field.generation }),
  heartbeat: rule({
    session: field.session,
    phase,
    workingUpdate: uint32,
    progress: uint32,
    phaseMs: field.milliseconds,
  }),
  metrics: rule({ steps: field.list(stepMetrics, METRIC_STEPS_MAX) }, JSON_BYTES_MAX),
  stateChunk: rule(
    {
      stateUpdate: uint32,
      offset: field.uint64,
      totalBytes: field.uint64,
      data: field.bytes(STATE_CHUNK_BYTES_MAX),
      sha256: field.sha256OrEmpty,
    },
    STATE_CHUNK_BYTES_MAX + FIELDS_BYTES_MAX,
  ),
  stateReceived: rule({ stateUpdate: uint32 }),
  stateHash: rule({ atUpdate: uint32, hash: field.hash128 }),
  samples: rule(
    {
      step: uint32,
      count: field.count(65_536),
      height: field.count(65_536),
      width: field.count(65_536),
      channels: field.count(65_536),
      ema: field.bytes(SAMPLES_BYTES_MAX),
      raw: field.bytes(SAMPLES_BYTES_MAX),
      real: field.bytes(SAMPLES_BYTES_MAX),
    },
    3 * SAMPLES_BYTES_MAX + FIELDS_BYTES_MAX / 2,
  ),
  stopRequest: rule({ save: field.bool }),
  stopped: rule({ atUpdate: uint32 }),
  stop: rule({ atUpdate: uint32 }),
  done: rule({ atUpdate: uint32, stateSha256: field.sha256OrEmpty }),
  failure: rule(
    { code: field.errorCode, message: field.message, detailsJson: field.text(16_384) },
    4 * FIELDS_BYTES_MAX,
  ),
  abort: rule({ code: field.errorCode, message: field.message }, 2 * FIELDS_BYTES_MAX),
  leave: rule({ reason: field.message }),
  bye: rule({}),
  pause: rule({ generation: field.generation }),
  paused: rule({
    session: field.session,
    generation: field.generation,
    heldGeneration: field.generation,
    heldUpdate: uint32,
    dataEndpoint: field.endpoint,
    dataKey: field.curveKeyOrEmpty,
  }),
  stateRequest: rule({ stateUpdate: uint32 }),
  rejoin: rule({}),
  datasetQuery: rule({ heldSha256: field.sha256OrEmpty, reason: field.text(1024) }),
  datasetAnswer: rule(
    { manifestJson: field.text(DATASET_MANIFEST_CHARS_MAX), problem: field.message },
    DATASET_MANIFEST_CHARS_MAX + 4 * FIELDS_BYTES_MAX,
  ),
  dataRequest: rule({
    datasetSha256: field.sha256,
    chunk: uint32,
    offset: uint32,
    bytes: field.count(DATA_PIECE_BYTES_MAX),
  }),
  dataChunk: rule(
    { chunk: uint32, offset: uint32, data: field.bytes(DATA_PIECE_BYTES_MAX), problem: field.message },
    DATA_PIECE_BYTES_MAX + FIELDS_BYTES_MAX,
  ),
  unreached: rule({ worker: field.name }),
  notice: rule({ text: field.message }, 2 * FIELDS_BYTES_MAX),
};
