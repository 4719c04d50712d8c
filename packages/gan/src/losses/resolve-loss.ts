import { GantryError } from '@gantry/common';
import type { GanDefinition, GanLoss } from '../definition.js';
import { invalidModel } from '../errors.js';
import { LOSSES } from './losses.js';

/**
 * The loss of a run: the definition's own, or the configured one.
 * @throws GantryError GANTRY_MODEL_INVALID or GANTRY_CONFIG_INVALID, whichever names a loss that is not there
 */
export function resolveLoss(definition: GanDefinition, configured: string): GanLoss {
  const { loss } = definition;
  if (typeof loss === 'object') return loss;
  const name = loss ?? configured;
  // `constructor` and the like are no losses.
  if (Object.hasOwn(LOSSES, name)) return LOSSES[name]!;
  const known = Object.keys(LOSSES).join(', ');
  if (loss !== undefined) throw invalidModel(`${definition.name} asks for the loss "${loss}"; there are: ${known}.`);
  throw new GantryError('GANTRY_CONFIG_INVALID', `loss: "${configured}" is not a loss; use one of: ${known}.`, {
    details: { key: 'loss' },
  });
}
