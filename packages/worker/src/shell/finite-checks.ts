import type { NetworkName } from '@gantry/common';
import { METRIC_NAMES, type UpdatePlan } from '@gantry/gan';
import {
  blameOrder,
  findNonFinite,
  type GradientVector,
  type NonFinitePlace,
  nonFiniteError,
} from '../core/non-finite.js';
import type { Training } from './training.js';

/**
 * Stops before an update of which a loss is not finite is gathered.
 * @param metric Index of a metric that is not, or −1.
 * @throws GantryError GANTRY_NON_FINITE
 */
export function checkLosses(training: Training, plan: UpdatePlan, metric: number): void {
  if (metric < 0) return;
  const slot = training.gradients.metrics.findIndex((row) => !Number.isFinite(row[metric]));
  const { shard } = training.inputs.shards[slot]!;
  const network = plan.networks.find((name) => findIn(training, name, ownVectors(training, name, [shard])) !== null);
  const blamed = network ?? plan.networks[0]!;
  const place = findIn(training, blamed, ownVectors(training, blamed, [shard])) ?? {
    shard,
    tensor: METRIC_NAMES[metric]!,
  };
  fail(training, plan, blamed, place, METRIC_NAMES[metric]!);
}

/**
 * Stops before an update whose gradient is not finite is committed: the state that it would replace stays whole.
 * @throws GantryError GANTRY_NON_FINITE naming step, network, shard and tensor
 */
export function checkGradients(training: Training, plan: UpdatePlan): void {
  for (const network of plan.networks) {
    if (training.updates.isFinite(network)) continue;
    const shards = blameOrder(training.role.shards, training.exchange.isSummed);
    const place =
      findIn(training, network, ownVectors(training, network, shards)) ??
      findIn(training, network, reducedVectors(training, network));
    fail(training, plan, network, place, 'the gradient');
  }
}

function ownVectors({ exchange }: Training, network: NetworkName, shards: readonly number[]): GradientVector[] {
  return shards.map((shard) => ({ shard, values: exchange.partial(network, shard) }));
}

/** Everybody's partials on one host; between hosts only the sum, to which the exchange adds own partials up in place. */
function reducedVectors({ exchange }: Training, network: NetworkName): GradientVector[] {
  const { isSummed } = exchange;
  return exchange.reduceInputs(network).map((values, index) => ({ shard: isSummed ? null : index, values }));
}

function findIn(training: Training, network: NetworkName, vectors: GradientVector[]): NonFinitePlace | null {
  return findNonFinite(vectors, training.gan.layouts[network]);
}

function fail(
  { role }: Training,
  plan: UpdatePlan,
  network: NetworkName,
  place: NonFinitePlace | null,
  what: string,
): never {
  throw nonFiniteError({ what, network, step: plan.step, update: plan.update + 1, worker: role.worker, place });
}
