import koffi from 'koffi';

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * Linux: asks the kernel to kill this process when the one that started it ends, even if this one is stopped. Elsewhere the
 * pipe to the parent has to do.
 *
 * @returns false if that process has ended already.
 */
export function dieWithParent(parentPid: number): boolean {
  setDeathSignal(SIGKILL);
  return process.platform !== 'linux' || process.ppid === parentPid;
}

/** Takes it back while there is something to clean up after the parent. */
export function surviveParent(): void {
  setDeathSignal(0);
}

function setDeathSignal(signal: number): void {
  if (process.platform !== 'linux') return;
  const unsigned = 'unsigned long';
  const prctl = koffi.load(null).func('prctl', 'int', ['int', unsigned, unsigned, unsigned, unsigned]);
  prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
}
