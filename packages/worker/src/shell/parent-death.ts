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
  if (process.platform !== 'linux') return true;
  const prctl = koffi
    .load(null)
    .func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  return process.ppid === parentPid;
}
