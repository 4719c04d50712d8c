import { setImmediate as breathe } from 'node:timers/promises';
import { commitsBefore, planUpdate, totalUpdates, type UpdatePlan, updatesPerStep } from '@gantry/gan';
import { YIELD_EVERY_MS } from '../constants.js';
import { parityAfter } from '../core/state-images.js';
import { flipBit, injectFault } from './faults.js';
import { checkGradients, checkLosses } from './finite-checks.js';
import { PHASE_INDEX } from './progress-words.js';
import type { Training } from './training.js';

const { computing, loading, gathering, updating, committing } = PHASE_INDEX;

/** Where training ended: `committed` updates are in the state; `stopped` if the leader ended it before the last. */
export interface LoopEnd {
  readonly committed: number;
  readonly stopped: boolean;
}

/** What happens between two steps: the leader's pictures and states. */
export type AfterStep = (stepsDone: number, committed: number) => undefined | Promise<void>;

/**
 * One member's training, from `startUpdate` committed updates to the last, or to a stop. On the cpu and in shared memory
 * nothing is awaited but the event loop's turn every 50 ms; apart from plans, a step allocates nothing.
 */
export async function trainingLoop(training: Training, startUpdate: number, afterStep: AfterStep): Promise<LoopEnd> {
  const { config, role, control, exchange, images, inputs, clock, meter, fault, verifier } = training;
  const total = totalUpdates(config);
  let plan = planUpdate(startUpdate, config);
  // A generation may begin within a step, behind D's update: that step is not told, for its first part is not known here.
  let atBoundary = startUpdate % updatesPerStep(config) === 0;
  let isWhole = atBoundary;
  let breathedMs = clock.sinceMs;
  if (startUpdate < total) {
    const first = inputs.prepare(plan);
    if (first !== undefined) await first;
  }

  while (plan.update < total) {
    const update = plan.update + 1;
    control.throwIfAborted(update, 'the next step');
    if (role.leader && atBoundary && clock.isStopWished) return stopAll(training, plan);
    clock.begin(update);

    clock.enter(computing);
    if (fault !== null) injectFault(fault, update, inputs.shards);
    const computed = computeGradients(training, plan);
    if (computed !== undefined) await computed;
    checkLosses(training, plan, meter.add(plan, training.gradients));
    // Others read or receive the own partials from here on; meanwhile the own inputs, free again, are filled.
    exchange.publish(update, plan.networks);
    clock.enter(loading);
    const next = planUpdate(update, config);
    const loaded = update < total ? inputs.prepare(next) : undefined;
    if (loaded !== undefined) await loaded;

    clock.enter(gathering);
    const gathered = exchange.gather(update, plan.networks);
    if ((typeof gathered === 'string' ? gathered : await gathered) === 'stopped') {
      return { committed: plan.update, stopped: true };
    }

    clock.enter(updating);
    const updated = updateSegments(training, plan);
    if (updated !== undefined) await updated;
    checkGradients(training, plan);

    clock.enter(committing);
    const commit = exchange.commit(update);
    if (typeof commit !== 'string') await commit;
    clock.committed(update);
    if (fault !== null) flipBit(fault, update, images.committed(parityAfter(commitsBefore(update, config))));
    verifier?.afterUpdate(update);

    if (plan.completesStep) {
      meter.endStep(plan.step, isWhole);
      isWhole = true;
      const duties = afterStep(plan.step + 1, update);
      if (duties !== undefined) await duties;
    }
    atBoundary = plan.completesStep;
    plan = next;
    if (clock.sinceMs - breathedMs >= YIELD_EVERY_MS) {
      breathedMs = clock.sinceMs;
      await breathe();
    }
  }
  return { committed: plan.update, stopped: false };
}

/**
 * The leader's way to stop before an update: it takes part in its gathering, and says that it stops. The others need not
 * have heard of it from the coordinator; whoever goes on to that gathering stops there too.
 */
async function stopAll({ control, exchange, clock }: Training, plan: UpdatePlan): Promise<LoopEnd> {
  clock.enter(gathering);
  control.stopAfter(plan.update);
  await exchange.gather(plan.update + 1, plan.networks);
  return { committed: plan.update, stopped: true };
}

/** Undefined, so that nothing is awaited, where the engine is synchronous. */
function computeGradients({ gradients, inputs }: Training, plan: UpdatePlan): undefined | Promise<void> {
  return eachInTurn(inputs.shards.length, (slot) => gradients.run(plan, slot));
}

function updateSegments({ updates }: Training, plan: UpdatePlan): undefined | Promise<void> {
  return eachInTurn(plan.networks.length, (index) => updates.run(plan, plan.networks[index]!));
}

/** Runs `action` for 0 … count−1, each after the one before. Synchronous until the first that is not. */
function eachInTurn(count: number, action: (index: number) => undefined | Promise<void>): undefined | Promise<void> {
  for (let index = 0; index < count; index++) {
    const pending = action(index);
    if (pending !== undefined) return pending.then(() => restInTurn(index + 1, count, action));
  }
  return undefined;
}

async function restInTurn(
  from: number,
  count: number,
  action: (index: number) => undefined | Promise<void>,
): Promise<void> {
  for (let index = from; index < count; index++) await action(index);
}
