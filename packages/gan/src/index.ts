export { type Gan, METRIC_NAMES, type MetricName, type UpdateKind, type UpdatePlan } from './contract.js';
export type { GanDefinition, GanLoss } from './definition.js';
