import { join } from 'node:path';
import { namespacesProblem } from '../support/namespaces.js';
import { MemoryCage, SmallDisk } from '../support/scarcity.js';
import type { Family } from './faults.js';

/**
 * What some faults need and this machine has not: those do nothing here. A machine without control groups for memory, which only
 * one fault needs, lacks nothing.
 * @param folder for a disk to try
 */
async function chaosProblems(folder: string): Promise<string[]> {
  return [namespacesProblem(), diskProblem(folder), await cageProblem()].filter((problem) => problem !== '');
}

/** @throws Error with GANTRY_REQUIRE_CHAOS=1, as continuous integration sets it, where some faults would do nothing */
export async function requireChaos(folder: string): Promise<void> {
  if (process.env.GANTRY_REQUIRE_CHAOS !== '1') return;
  const problems = await chaosProblems(folder);
  if (problems.length > 0) throw new Error(`GANTRY_REQUIRE_CHAOS is set: ${problems.join('; ')}`);
}

/** What cannot be played here: those faults do nothing. @param folder for a disk to try */
export async function familiesLacking(folder: string): Promise<Set<Family>> {
  const lacking = new Set<Family>();
  if (namespacesProblem() !== '') lacking.add('link cut').add('rate changed');
  if (diskProblem(folder) !== '') lacking.add('disk full');
  if (!(await canCage())) lacking.add('memory taken');
  return lacking;
}

function diskProblem(folder: string): string {
  const disk = SmallDisk.mount(join(folder, 'trial'), 1);
  if (disk === null) return 'no small disk can be mounted';
  disk.unmount();
  return '';
}

async function cageProblem(): Promise<string> {
  const isUsable = !MemoryCage.isKnownHere() || (await canCage());
  return isUsable ? '' : 'no control group for memory can be made';
}

async function canCage(): Promise<boolean> {
  const cage = MemoryCage.make(`gantry-chaos-trial-${process.pid}`, 2 ** 20);
  await cage?.remove();
  return cage !== null;
}
