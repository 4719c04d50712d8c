import { deviceOfWorker, GantryError, type Logger, type RunConfig } from '@gantry/common';
import type { DataSource } from '@gantry/data';
import { createEngine, type Engine } from '@gantry/engine';
import { buildGan, type Gan, loadDefinition } from '@gantry/gan';
import { compileGradients, type GradientProgram } from './gradient-set.js';
import type { OpenedData } from './open-data.js';
import type { StreamedSource } from './streamed-source.js';

/** What depends on the run's configuration alone: it is made while other workers are still joining. */
export interface WarmUp {
  readonly config: RunConfig;
  readonly engine: Engine;
  readonly gan: Gan;
  readonly source: DataSource;
  /** Where the source's samples come from while they are used; null: they are all here. */
  readonly streamed: StreamedSource | null;
  /** Empty for a hub. */
  readonly programs: readonly GradientProgram[];
  readonly threads: number;
}

/**
 * One intra-op thread a worker unless the user says otherwise: workers share the machine's cores, and how a kernel splits
 * its work over threads must not be able to change a bit.
 */
export function threadsOf(config: RunConfig): number {
  return config.threads > 0 ? config.threads : 1;
}

/** The run's device, unless whoever started this worker gave it another: hosts may have several, or of several kinds. */
function deviceOf({ device }: RunConfig): string {
  return process.env.GANTRY_DEVICE || deviceOfWorker(device, 0);
}

/**
 * Loads data set and definition, starts the engine and compiles the gradient programs, with and without the penalty.
 *
 * @param options.openData Opens the configuration's data set.
 * @throws GantryError of each of these, and GANTRY_DATASET_INVALID if the images are of another shape than the model's.
 */
export async function warmUp(
  config: RunConfig,
  options: { hub: boolean; logger: Logger; openData: () => Promise<OpenedData> },
): Promise<WarmUp> {
  const started = performance.now();
  const timesMs: Record<string, number> = {};
  const timed = async <T>(name: string, work: Promise<T>): Promise<T> => {
    const result = await work;
    timesMs[`${name}Ms`] = Math.round(performance.now() - started);
    return result;
  };
  const threads = threadsOf(config);
  const [{ source, streamed }, engine, { definition }] = await Promise.all([
    timed('data', options.openData()),
    timed('engine', createEngine({ engine: config.engine, device: deviceOf(config), threads })),
    timed('definition', loadDefinition(config.model, config.preset)),
  ]);
  const gan = buildGan(definition, config);
  checkShape(gan, source);
  const built = performance.now();
  const programs = options.hub ? [] : await compileGradients(engine, gan, config);
  options.logger.log('info', 'warmed up', {
    ...timesMs,
    builtMs: Math.round(built - started),
    compiledMs: Math.round(performance.now() - started),
  });
  return { config, engine, gan, source, streamed, programs, threads };
}

function checkShape(gan: Gan, source: DataSource): void {
  if (gan.imageShape.every((size, axis) => size === source.sampleShape[axis])) return;
  throw new GantryError(
    'GANTRY_DATASET_INVALID',
    `${source.id} has samples of ${source.sampleShape.join('×')}, the model ${gan.name} makes ${gan.imageShape.join('×')}: ` +
      `choose another --dataset, or a --model with imageShape: [${source.sampleShape.join(', ')}]`,
    { details: { dataset: source.id, model: gan.name } },
  );
}
