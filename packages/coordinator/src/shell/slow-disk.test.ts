import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeEnvelope, encodeEnvelope, GANTRY_VERSION, type Message, PROTOCOL_VERSION } from '@gantry/common';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Dealer } from 'zeromq';
import { TEST_CONFIG } from '../testing/transcript.js';
import { startCoordinator } from './coordinator.js';
import type { RunningCoordinator } from './options.js';
import { RunDirectory } from './run-directory.js';

let folder: string;
let run: RunningCoordinator;
let worker: Dealer;
/** Lets the disk go on. */
let release: () => void;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-slow-disk-'));
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { writeJournal } = RunDirectory.prototype;
  vi.spyOn(RunDirectory.prototype, 'writeJournal').mockImplementation(async function (this: RunDirectory, record) {
    await held;
    return writeJournal.call(this, record);
  });
  const config = { ...TEST_CONFIG, workers: 1, shards: 1, leaseMs: 60_000 };
  run = await startCoordinator({
    config,
    runDirectory: path.join(folder, 'run'),
    localWorkers: 0,
    workerCommand: [],
    onEvent() {},
  });
  worker = new Dealer({ linger: 0 });
  worker.connect(run.endpoint);
});

afterEach(async () => {
  release();
  run.abort('the test is over');
  await run.done.catch(() => {});
  worker.close();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

function say(body: Message): Promise<void> {
  const runId = body.kind === 'hello' ? '' : run.runId;
  return worker.send(encodeEnvelope({ runId, generation: 0, update: 0, body }));
}

async function hear(): Promise<Message> {
  const [frame] = await worker.receive();
  return decodeEnvelope(frame!).body;
}

it('heartbeats are answered while the journal waits for the disk, the assignment comes after it', async () => {
  await say({
    kind: 'hello',
    protocolVersion: PROTOCOL_VERSION,
    gantryVersion: GANTRY_VERSION,
    worker: 'anna',
    host: 'here',
    pid: process.pid,
    cores: 1,
    launchToken: '',
    hub: false,
    formerSession: '',
  });
  const welcome = await hear();
  const session = welcome.kind === 'welcome' ? welcome.session : expect.fail(welcome.kind);
  await say({ kind: 'joined', session, dataEndpoint: '', dataKey: '', heldGeneration: 0, heldUpdate: 0 });
  for (let progress = 0; progress < 3; progress++) {
    await say({ kind: 'heartbeat', session, phase: 'compiling', workingUpdate: 0, progress, phaseMs: 0 });
    expect(await hear()).toMatchObject({ kind: 'heartbeat', session });
  }
  release();
  expect(await hear()).toMatchObject({ kind: 'assignment', generation: 1 });
});
