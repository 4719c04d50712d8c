import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { processState, type RunStatusReport } from '@gantry/coordinator';

/**
 * What the kernel says of a worker's process at this moment. suspended: by SIGSTOP or a debugger · unknown: it is of another
 * machine, or cannot be asked.
 */
export type ProcessWord = 'running' | 'suspended' | 'gone' | 'unknown';

/** By member, in their order. */
export function processesOf({ members, owner }: RunStatusReport): Promise<ProcessWord[]> {
  const isHere = process.platform === 'linux' && owner.hostname === os.hostname();
  return Promise.all(
    members.map(({ local, host, pid }) =>
      isHere && (local || host === owner.hostname) ? processWord(pid) : Promise.resolve('unknown' as const),
    ),
  );
}

async function processWord(pid: number): Promise<ProcessWord> {
  const state = await processState(pid);
  // The number may be another program's by now.
  if (state === '' || state === 'Z' || state === 'X' || !(await isWorker(pid))) return 'gone';
  return state === 'T' || state === 't' ? 'suspended' : 'running';
}

/** Every worker is started with the address to join. */
async function isWorker(pid: number): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return words.split('\0').some((word) => word === '--join' || word.startsWith('--join='));
}
