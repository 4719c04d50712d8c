import { lookAtStopped, NONE_STOPPED } from '../core/stopped-children.js';
import { STOPPED_EVERY_MS } from './constants.js';

export interface StoppedWatch {
  /** The local workers that are stopped now. */
  readonly stopped: () => Promise<readonly string[]> | readonly string[];
  readonly leaseMs: number;
  readonly onOverdue: (worker: string) => void;
}

/** Looks at the local workers from time to time; ends when the timer is cleared. */
export function watchStopped({ stopped, leaseMs, onOverdue }: StoppedWatch): NodeJS.Timeout {
  let state = NONE_STOPPED;
  const look = async (): Promise<void> => {
    const { after, overdue } = lookAtStopped(state, { stopped: await stopped(), nowMs: performance.now(), leaseMs });
    state = after;
    overdue.forEach(onOverdue);
  };
  return setInterval(() => void look(), STOPPED_EVERY_MS);
}
