import { createHash } from 'node:crypto';
import type { Exchange } from '@gantry/collective';
import { type Layout, layoutViews, NETWORKS, type NetworkName, type RunConfig } from '@gantry/common';
import type { BoundExecutable, Engine, Executable, HostArray } from '@gantry/engine';
import { type Gan, METRIC_NAMES, type UpdateKind, type UpdatePlan } from '@gantry/gan';
import { parityIndex, type StateImages } from '../core/state-images.js';
import type { ShardInputs } from './step-inputs.js';

const KINDS: readonly UpdateKind[] = ['discriminator', 'generator', 'both'];
/** Parities of D and G: which of the two images of each holds its weights. */
const PARITIES = 4;

/** One compiled gradient program and the metrics that it puts out, as indices of METRIC_NAMES. */
export interface GradientProgram {
  readonly kind: UpdateKind;
  readonly penalized: boolean;
  readonly executable: Executable;
  readonly metrics: readonly number[];
}

/** Which programs a run needs: with the penalty and without, so that no step has to compile. */
export function programsOf(config: RunConfig): { kind: UpdateKind; penalized: boolean }[] {
  const critic: UpdateKind = config.updates === 'simultaneous' ? 'both' : 'discriminator';
  const plain = config.r1Gamma === 0 || config.r1Interval > 1 ? [{ kind: critic, penalized: false }] : [];
  const penalized = config.r1Gamma > 0 ? [{ kind: critic, penalized: true }] : [];
  const generator: UpdateKind[] = critic === 'both' ? [] : ['generator'];
  return [...plain, ...generator.map((kind) => ({ kind, penalized: false })), ...penalized];
}

export async function compileGradients(engine: Engine, gan: Gan, config: RunConfig): Promise<GradientProgram[]> {
  const samples = config.batch / config.shards;
  const programs: GradientProgram[] = [];
  for (const { kind, penalized } of programsOf(config)) {
    const executable = await engine.compile(gan.gradientsProgram(kind, { samples, penalized }));
    const names = new Set(executable.outputs.map(({ name }) => name));
    const metrics = METRIC_NAMES.flatMap((name, index) => (names.has(`metrics/${name}`) ? [index] : []));
    programs.push({ kind, penalized, executable, metrics });
  }
  return programs;
}

/** One hash over all of them, in hex. Empty for a member that has none. */
export function hashPrograms(programs: readonly GradientProgram[]): string {
  if (programs.length === 0) return '';
  const hash = createHash('sha256');
  for (const { kind, penalized, executable } of programs) hash.update(`${kind} ${penalized} ${executable.hash}\n`);
  return hash.digest('hex');
}

export interface GradientSetOptions {
  readonly programs: readonly GradientProgram[];
  readonly gan: Gan;
  readonly images: StateImages;
  readonly exchange: Exchange;
  readonly inputs: readonly ShardInputs[];
}

/**
 * The gradient programs, bound to each own shard's inputs and partials, for each place where the weights can lie. A binding
 * is made when it is first needed, and then used for the rest of the run.
 */
export class GradientSet {
  /** By own shard: its metrics [METRIC_NAMES]. */
  readonly metrics: readonly Float32Array[];
  readonly #options: GradientSetOptions;
  readonly #programs: readonly (GradientProgram | null)[];
  readonly #bound: (BoundExecutable | null)[];

  constructor(options: GradientSetOptions) {
    const { programs, inputs } = options;
    this.#options = options;
    this.metrics = inputs.map(() => new Float32Array(METRIC_NAMES.length));
    this.#programs = KINDS.flatMap((kind) =>
      [false, true].map(
        (penalized) => programs.find((one) => one.kind === kind && one.penalized === penalized) ?? null,
      ),
    );
    this.#bound = this.#programs.flatMap(() => inputs.flatMap(() => new Array<null>(PARITIES).fill(null)));
  }

  /** The program that an update runs. */
  program(plan: UpdatePlan): GradientProgram {
    return this.#programs[programIndex(plan)]!;
  }

  /** Computes the gradients of own shard number `slot` into its partials, and its metrics. */
  run(plan: UpdatePlan, slot: number): undefined | Promise<void> {
    const parity = parityIndex(plan.discriminatorUpdate, plan.generatorUpdate);
    const index = (programIndex(plan) * this.metrics.length + slot) * PARITIES + parity;
    let bound = this.#bound[index];
    if (!bound) {
      bound = this.#bind(plan, slot);
      this.#bound[index] = bound;
    }
    return bound.run();
  }

  #bind(plan: UpdatePlan, slot: number): BoundExecutable {
    const { executable, metrics } = this.program(plan);
    const { gan, images, exchange, inputs } = this.#options;
    const { shard, real, z } = inputs[slot]!;
    const edges: Record<string, HostArray> = { real, z };
    const outputs: Record<string, HostArray> = {};
    const image = { discriminator: plan.discriminatorUpdate % 2, generator: plan.generatorUpdate % 2 };
    for (const network of NETWORKS) {
      const params = images.section(image[network] as 0 | 1, network, 'params')!;
      Object.assign(edges, layoutViews(gan.layouts[network], params, `${network}/`));
    }
    for (const network of plan.networks) {
      Object.assign(outputs, gradientViews(gan.layouts[network], exchange.partial(network, shard), network));
    }
    for (const index of metrics) {
      outputs[`metrics/${METRIC_NAMES[index]}`] = this.metrics[slot]!.subarray(index, index + 1);
    }
    return executable.bind(pick(edges, executable), outputs);
  }
}

function programIndex({ kind, penalized }: UpdatePlan): number {
  return KINDS.indexOf(kind) * 2 + (penalized ? 1 : 0);
}

function gradientViews(layout: Layout, partial: Float32Array, network: NetworkName): Record<string, Float32Array> {
  return layoutViews(layout, partial, `gradients/${network}/`);
}

/** Only the inputs that a program has: G's needs no real samples. */
function pick(edges: Readonly<Record<string, HostArray>>, { inputs }: Executable): Record<string, HostArray> {
  return Object.fromEntries(inputs.map(({ name }) => [name, edges[name]!]));
}
