import type { ControlWords, Exchange } from '@gantry/collective';
import type { Fault, RunConfig } from '@gantry/common';
import type { Gan } from '@gantry/gan';
import type { MemberRole } from '../core/member-role.js';
import type { StateImages } from '../core/state-images.js';
import type { GradientSet } from './gradient-set.js';
import type { StateVerifier } from './state-verifier.js';
import type { StepClock } from './step-clock.js';
import type { StepInputs } from './step-inputs.js';
import type { StepMeter } from './step-meter.js';
import type { UpdateSet } from './update-set.js';

/** All that the training loop needs, made before the first step. */
export interface Training {
  readonly config: RunConfig;
  readonly gan: Gan;
  readonly role: MemberRole;
  readonly control: ControlWords;
  readonly exchange: Exchange;
  readonly images: StateImages;
  readonly inputs: StepInputs;
  readonly gradients: GradientSet;
  readonly updates: UpdateSet;
  readonly clock: StepClock;
  readonly meter: StepMeter;
  readonly fault: Fault | null;
  /** Null where it is another member that tells this replica's hash, or there is nothing to compare it with. */
  readonly verifier: StateVerifier | null;
}
