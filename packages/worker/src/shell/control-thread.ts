import fs from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@gantry/common';
import { LEAVE_GRACE_MS, LOST_GRACE_MS } from '../constants.js';
import { FlightRecorder } from '../core/flight-recorder.js';
import { ControlLink } from './control-link.js';
import type { ControlThreadData, FromControl, ToControl } from './control-messages.js';
import { FlightFile } from './flight-file.js';
import { watchParent } from './parent-watch.js';
import { ProgressWords } from './progress-words.js';
import { watchStuck } from './stuck-watch.js';

/**
 * Entry of the control thread. It outlives a main thread that is stuck: when the run has ended for this worker, the main
 * thread has a grace period to leave; then the whole process is killed from here, and its files are unlinked before.
 */
const ENDINGS: ReadonlySet<string> = new Set(['abort', 'refused']);
const port = parentPort;
assert(port !== null, 'the control thread runs as a worker thread');
const data = workerData as ControlThreadData;
let files: readonly string[] = [];
let deadline: NodeJS.Timeout | null = null;

const link = new ControlLink(data, post);
const parent =
  data.parentFd === null
    ? null
    : watchParent(data.parentFd, () => link.lose('the process that started this worker has ended', false));
const stuck = watchFlight(data);

function watchFlight({ flight, hello, progressBuffer, mainTimeOrigin }: ControlThreadData): { close(): void } | null {
  if (flight === null) return null;
  const recorder = new FlightRecorder(flight.buffer);
  const progress = new ProgressWords(progressBuffer);
  const { worker } = hello;
  const about = { path: flight.path, worker, recorder, progress, timeOrigin: mainTimeOrigin, writer: 'control' };
  return watchStuck({ file: new FlightFile(about), progress, mainTimeOrigin });
}

function post(message: FromControl, transfer: readonly ArrayBuffer[] = []): void {
  if (message.type === 'lost' && !message.mayReturn) deadline ??= setTimeout(kill, LOST_GRACE_MS);
  if (message.type === 'message' && ENDINGS.has(message.message.kind)) deadline ??= setTimeout(kill, LEAVE_GRACE_MS);
  port!.postMessage(message, [...transfer]);
}

/** The main thread is stuck in a call that never comes back: nothing but a signal ends it. */
function kill(): void {
  for (const file of files) fs.rmSync(file, { force: true, recursive: true });
  process.kill(process.pid, 'SIGKILL');
}

port.on('message', (message: ToControl) => {
  switch (message.type) {
    case 'send':
      link.send(message.message);
      return;
    case 'stream':
      link.stream(message.update, message.state);
      return;
    case 'reconnect':
      link.reconnect(message.formerSession);
      return;
    case 'queryDataset':
      link.data.query(message.query);
      return;
    case 'openData':
      link.data.open(message.data);
      return;
    case 'wantData':
      link.data.want(message.want);
      return;
    case 'files':
      files = message.files;
      return;
    case 'close':
      void close();
      return;
    default:
  }
});

async function close(): Promise<void> {
  parent?.close();
  stuck?.close();
  await link.close();
  if (deadline !== null) clearTimeout(deadline);
  port!.close();
}
