import { StopRequests } from '@gantry/common';

/** What a run can be told from outside. */
export interface Interruptible {
  /** Finish the step, save, end. */
  stop(): void;
  /** End now. */
  abort(reason: string): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * First signal: stop after the step and save. Another one, a second later or more: stop now.
 * @returns a function that gives the signals back to Node's own handling.
 */
export function handleInterrupts(run: Interruptible, note: (text: string) => void): () => void {
  const requests = new StopRequests();
  const handle = (signal: NodeJS.Signals): void => {
    const request = requests.count(performance.now());
    if (request === 'same') return;
    if (request === 'again') {
      note(`${signal} again: stopping now, without saving`);
      run.abort(`stopped by ${signal}`);
      return;
    }
    note(`${signal}: finishing the step and saving. Once more to stop at once`);
    run.stop();
  };
  for (const signal of SIGNALS) process.on(signal, handle);
  return () => {
    for (const signal of SIGNALS) process.off(signal, handle);
  };
}

/**
 * The first signal aborts, with its name as the reason; the second ends the process, as signals do.
 * @returns what aborts, and a function that gives the signals back to Node's own handling.
 */
export function abortOnInterrupt(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const release = (): void => {
    for (const name of SIGNALS) process.off(name, handle);
  };
  const handle = (name: NodeJS.Signals): void => {
    release();
    controller.abort(name);
  };
  for (const name of SIGNALS) process.on(name, handle);
  return { signal: controller.signal, release };
}
