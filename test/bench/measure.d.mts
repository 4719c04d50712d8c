/** Gantry's own training bench; the whole JSON object. */
export function gantryTrain(options: { workers: number; batch: number; steps: number; preset?: string }): {
  imagesPerSecond: number;
  phaseMs: Readonly<Record<'load' | 'compute' | 'gather' | 'update' | 'commit', number>>;
};
