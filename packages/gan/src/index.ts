export { buildGan, definitionHash, type GanConfig } from './build-gan.js';
export { type Gan, METRIC_NAMES, type MetricName, type UpdateKind, type UpdatePlan } from './contract.js';
export { defineGan } from './define-gan.js';
export type { GanDefinition, GanLoss, LoadedDefinition } from './definition.js';
export { loadDefinition } from './load-definition.js';
export { LOSSES } from './losses/losses.js';
export { adamScalars, createUpdateProgram, type UpdateProgramOptions } from './optimizers/adam.js';
export { DEFAULT_PRESET, PRESET_NAMES, PRESETS, type Preset, presetNamed } from './presets/presets.js';
export {
  commitsBefore,
  isCompared,
  planUpdate,
  type ScheduleConfig,
  totalUpdates,
  updatesPerStep,
} from './step/schedule.js';
