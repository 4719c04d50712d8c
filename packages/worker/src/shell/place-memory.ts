import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ControlWords,
  cleanStaleDataFolders,
  cleanStaleSharedMemory,
  HostMemory,
  type HostMemoryPlan,
  payloadBytes,
} from '@gantry/collective';
import { type Assignment, GantryError, type WireType } from '@gantry/common';
import { MEMORY_OPEN_MS_MAX, MEMORY_RETRY_MS, STARTING_LEASES } from '../constants.js';
import type { MemberRole } from '../core/member-role.js';

export interface PlaceMemoryOptions {
  readonly assignment: Assignment;
  readonly role: MemberRole;
  readonly plan: HostMemoryPlan;
  readonly wire: WireType;
  readonly leaseMs: number;
  readonly control: ControlWords;
}

/**
 * The host's memory: private if nobody shares it, else made by the one member of the host that is not attached and opened by the others. It starts
 * one update before the state that it is made for; its maker publishes that one when the state is in place
 * ({@link announceState}), and the others wait for it ({@link awaitState}).
 */
export async function placeMemory(options: PlaceMemoryOptions): Promise<HostMemory> {
  const { assignment, role, plan, wire, leaseMs, control } = options;
  const { sharedMemory, startUpdate } = assignment;
  // What earlier runs left whose processes were all killed while their memory or sockets still had a name.
  const isMaker = role.place !== 'attached';
  if (isMaker) {
    cleanStaleSharedMemory();
    cleanStaleDataFolders();
  }
  if (sharedMemory === '' || plan.members === 1) {
    return HostMemory.private(plan, startUpdate - 1, payloadBytes(plan, assignment.members.length, wire));
  }
  if (isMaker) return HostMemory.create(sharedMemory, plan, startUpdate - 1);
  // Its maker may be stopped for as long as its lease lets it.
  const deadline = performance.now() + Math.max(MEMORY_OPEN_MS_MAX, (STARTING_LEASES + 1) * leaseMs);
  for (;;) {
    control.throwIfAborted(startUpdate, 'the shared memory of this host');
    try {
      return HostMemory.open(sharedMemory, plan);
    } catch (error) {
      const soon = error instanceof GantryError && error.code === 'GANTRY_SHARED_MEMORY_FAILED';
      if (!soon || performance.now() > deadline) throw error;
      await sleep(MEMORY_RETRY_MS);
    }
  }
}

/**
 * The state of `startUpdate` is in place.
 * @param maker Index, among the members of this memory, of the one that put it there.
 */
export function announceState(memory: HostMemory, maker: number, startUpdate: number): void {
  memory.applied[maker]!.publish(startUpdate);
}

/** Waits until the maker of this memory has put the state in place. */
export function awaitState(memory: HostMemory, maker: number, startUpdate: number, control: ControlWords): void {
  memory.applied[maker]!.waitAtLeast(startUpdate, 0, () => {
    control.throwIfAborted(startUpdate, 'the state of this host');
    return false;
  });
}
