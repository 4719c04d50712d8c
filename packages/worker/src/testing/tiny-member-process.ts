import { bindDataSocket } from '@gantry/collective';
import type { RunConfig } from '@gantry/common';
import type { LoopEnd } from '../shell/training-loop.js';
import { startTinyMember } from './tiny-run.js';

/** What a test tells a member's process. */
export interface TinyTask {
  readonly config: RunConfig;
  readonly index: number;
  /** After this step the member, as leader, is asked to stop; null: it trains to the end. */
  readonly stopAfterStep: number | null;
}

/** What the process answers: its endpoint first, then this. */
export interface TinyReport {
  readonly end: LoopEnd;
  readonly hash: string;
}

function nextMessage<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', (message) => resolve(message as T)));
}

async function main(): Promise<void> {
  const { config, index, stopAfterStep } = JSON.parse(process.argv[2]!) as TinyTask;
  const socket = await bindDataSocket('ipc');
  const told = nextMessage<string[]>();
  process.send!(socket.endpoint);
  const endpoints = await told;
  const member = await startTinyMember({ config, options: {}, endpoints, socket, index });
  const end = await member.train((step) => {
    if (step === stopAfterStep) member.progress.wishStop();
    return undefined;
  });
  const report: TinyReport = { end, hash: member.hash(end.committed) };
  process.send!(report);
  await member.prepared.close(true);
  socket.close();
  process.disconnect();
}

await main();
