import { assert, type NetworkName, type RunConfig } from '@gantry/common';
import type { UpdateKind, UpdatePlan } from '../contract.js';

/** The settings that the order of updates depends on. */
export type ScheduleConfig = Pick<RunConfig, 'updates' | 'discriminatorUpdates' | 'r1Gamma' | 'r1Interval'>;

const NETWORKS_OF: Readonly<Record<UpdateKind, readonly NetworkName[]>> = {
  discriminator: ['discriminator'],
  generator: ['generator'],
  both: ['discriminator', 'generator'],
};

/** Commits a step: one if simultaneous, else `discriminatorUpdates` of D and one of G. */
export function updatesPerStep(config: Pick<RunConfig, 'updates' | 'discriminatorUpdates'>): number {
  return config.updates === 'simultaneous' ? 1 : config.discriminatorUpdates + 1;
}

/** Commits of a whole run. */
export function totalUpdates(config: Pick<RunConfig, 'updates' | 'discriminatorUpdates' | 'steps'>): number {
  return updatesPerStep(config) * config.steps;
}

/** Whether replicas compare the state that `update` commits leave: regularly, and before a checkpoint of it is written. */
export function isCompared(
  update: number,
  config: Pick<RunConfig, 'updates' | 'discriminatorUpdates' | 'verifyEvery' | 'checkpointEvery'>,
): boolean {
  const { verifyEvery, checkpointEvery } = config;
  if (verifyEvery === 0) return false;
  if (update % verifyEvery === 0) return true;
  return checkpointEvery > 0 && update % (checkpointEvery * updatesPerStep(config)) === 0;
}

/** How many updates of each network are committed before update `update` (0-based) begins. */
export function commitsBefore(
  update: number,
  config: Pick<RunConfig, 'updates' | 'discriminatorUpdates'>,
): Record<NetworkName, number> {
  assert(Number.isSafeInteger(update) && update >= 0, `update ${update} is a non-negative integer`);
  const perStep = updatesPerStep(config);
  const step = Math.floor(update / perStep);
  if (config.updates === 'simultaneous') return { discriminator: step, generator: step };
  // Within a step D's updates come first, so whatever of the step is done is D's.
  return { discriminator: step * config.discriminatorUpdates + (update % perStep), generator: step };
}

/**
 * What update `update` (0-based) does: a pure function, so that every process knows it without being told.
 * R1 falls on the D updates 0, r1Interval, 2·r1Interval …
 */
export function planUpdate(update: number, config: ScheduleConfig): UpdatePlan {
  const perStep = updatesPerStep(config);
  const before = commitsBefore(update, config);
  const kind = kindOf(update % perStep, config);
  return {
    update,
    kind,
    networks: NETWORKS_OF[kind],
    step: Math.floor(update / perStep),
    discriminatorUpdate: before.discriminator,
    generatorUpdate: before.generator,
    penalized: kind !== 'generator' && config.r1Gamma > 0 && before.discriminator % config.r1Interval === 0,
    completesStep: update % perStep === perStep - 1,
  };
}

function kindOf(indexInStep: number, config: ScheduleConfig): UpdateKind {
  if (config.updates === 'simultaneous') return 'both';
  return indexInStep < config.discriminatorUpdates ? 'discriminator' : 'generator';
}
