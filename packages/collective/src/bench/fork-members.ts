import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A forked process whose messages are read one after the other. */
export interface Member {
  readonly child: ChildProcess;
  send(message: unknown): void;
  /** The next message; rejects if the process ends first. */
  next<T>(): Promise<T>;
  readonly exited: Promise<number | null>;
}

/**
 * Forks a module of this package, by its path below the built folder's parent folder, e.g. `testing/x.js`.
 * @param within A command that becomes the one behind it, as `ip netns exec NAME` does.
 */
export function forkMember(module: string, within: readonly string[] = []): Member {
  const built = fileURLToPath(new URL(import.meta.url)).replace(/([\\/])src([\\/]bench[\\/])/, '$1dist$2');
  const file = built.replace(/bench[\\/]fork-members\.[jt]s$/, module);
  const child = fork(file, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
    ...(within.length === 0 ? {} : { execPath: within[0]!, execArgv: [...within.slice(1), process.execPath] }),
  });
  const messages: unknown[] = [];
  const waiting: { resolve: (message: unknown) => void; reject: (error: Error) => void }[] = [];
  let hasExited = false;
  child.on('message', (message) => {
    const reader = waiting.shift();
    if (reader) reader.resolve(message);
    else messages.push(message);
  });
  const exited = new Promise<number | null>((resolve) => {
    child.on('exit', (code) => {
      hasExited = true;
      for (const { reject } of waiting.splice(0)) reject(new Error(`${module} ended with ${code}`));
      resolve(code);
    });
  });
  const next = <T>(): Promise<T> => {
    if (messages.length > 0) return Promise.resolve(messages.shift() as T);
    if (hasExited) return Promise.reject(new Error(`${module} has ended`));
    return new Promise<T>((resolve, reject) =>
      waiting.push({ resolve: resolve as (message: unknown) => void, reject }),
    );
  };
  return { child, send: (message) => child.send(message as object), next, exited };
}
