import type { Exchange } from '@gantry/collective';
import type { NetworkName } from '@gantry/common';
import type { BoundExecutable, Engine, Executable, HostArray } from '@gantry/engine';
import type { Gan, UpdatePlan } from '@gantry/gan';
import type { StateImages } from '../core/state-images.js';

const ROLES = ['params', 'firstMoment', 'secondMoment', 'ema'] as const;

/** One network's update of this member's segment: reads one image, writes the other. */
interface SegmentUpdate {
  readonly bound: readonly [BoundExecutable, BoundExecutable];
  readonly rate: Float32Array;
  readonly epsilon: Float32Array;
  readonly emaRate: Float32Array;
  /** [1], of the summed gradient's segment. */
  readonly squaredNorm: Float32Array;
}

export interface UpdateSetOptions {
  readonly engine: Engine;
  readonly gan: Gan;
  readonly exchange: Exchange;
  readonly images: StateImages;
}

/** The update programs of a member's segments, compiled for their lengths. A member without a segment does nothing. */
export class UpdateSet {
  readonly #gan: Gan;
  readonly #networks: Readonly<Record<NetworkName, SegmentUpdate | null>>;

  private constructor(gan: Gan, networks: Readonly<Record<NetworkName, SegmentUpdate | null>>) {
    this.#gan = gan;
    this.#networks = networks;
  }

  static async compile(options: UpdateSetOptions): Promise<UpdateSet> {
    const discriminator = await compileSegment('discriminator', options);
    const generator = await compileSegment('generator', options);
    return new UpdateSet(options.gan, { discriminator, generator });
  }

  /** Computes own segments of `network` into the image that is not the committed one. */
  run(plan: UpdatePlan, network: NetworkName): undefined | Promise<void> {
    const update = this.#networks[network];
    if (update === null) return undefined;
    const commits = network === 'discriminator' ? plan.discriminatorUpdate : plan.generatorUpdate;
    const { rate, epsilon, emaRate } = this.#gan.updateScalars(network, commits + 1);
    update.rate[0] = rate;
    update.epsilon[0] = epsilon;
    update.emaRate[0] = emaRate;
    return update.bound[(commits % 2) as 0 | 1].run();
  }

  /** Whether the gradient that the last `run` summed was finite in this member's segment. */
  isFinite(network: NetworkName): boolean {
    const update = this.#networks[network];
    return update === null || Number.isFinite(update.squaredNorm[0]);
  }
}

async function compileSegment(network: NetworkName, options: UpdateSetOptions): Promise<SegmentUpdate | null> {
  const { engine, gan, exchange } = options;
  const { start, end } = exchange.segment(network);
  if (end === start) return null;
  const partials = exchange.reduceInputs(network).length;
  const executable = await engine.compile(gan.updateProgram(network, { length: end - start, partials }));
  const scalars = {
    rate: new Float32Array(1),
    epsilon: new Float32Array(1),
    emaRate: new Float32Array(1),
    squaredNorm: new Float32Array(1),
  };
  const bind = (image: 0 | 1) => bindUpdate(executable, { network, image, scalars, options });
  return { bound: [bind(0), bind(1)], ...scalars };
}

interface UpdateBinding {
  readonly network: NetworkName;
  /** The image that is read. */
  readonly image: 0 | 1;
  readonly scalars: Readonly<Record<'rate' | 'epsilon' | 'emaRate' | 'squaredNorm', Float32Array>>;
  readonly options: UpdateSetOptions;
}

function bindUpdate(executable: Executable, { network, image, scalars, options }: UpdateBinding): BoundExecutable {
  const { exchange, images } = options;
  const { start, end } = exchange.segment(network);
  const inputs: Record<string, HostArray> = { rate: scalars.rate, epsilon: scalars.epsilon };
  const outputs: Record<string, HostArray> = { squaredNorm: scalars.squaredNorm };
  for (const role of ROLES) {
    const from = images.section(image, network, role);
    const to = images.section((1 - image) as 0 | 1, network, role);
    if (from === null || to === null) continue;
    if (role === 'ema') inputs.emaRate = scalars.emaRate;
    inputs[role] = from.subarray(start, end);
    outputs[role] = to.subarray(start, end);
  }
  exchange.reduceInputs(network).forEach((vector, index) => {
    inputs[`partials/${index}`] = vector.subarray(start, end);
  });
  return executable.bind(inputs, outputs);
}
