import type { NamedTensors } from '@gantry/engine';
import { cast, greater, less, mean } from '@gantry/engine/tfjs';
import type { Tensor } from '@tensorflow/tfjs-core';
import { METRIC_NAMES, type MetricName } from '../contract.js';

/** Share of real images that D takes for real: logits above 0. logits [b, 1] → scalar. */
export function accuracyOnReal(logits: Tensor): Tensor {
  return mean(cast(greater(logits, 0), 'float32'));
}

/** Share of fake images that D takes for fake: logits below 0. logits [b, 1] → scalar. */
export function accuracyOnFake(logits: Tensor): Tensor {
  return mean(cast(less(logits, 0), 'float32'));
}

/** Names the metrics that there are as a program puts them out, in the order of METRIC_NAMES. */
export function metricOutputs(metrics: Partial<Record<MetricName, Tensor>>): NamedTensors {
  const outputs: Record<string, Tensor> = {};
  for (const name of METRIC_NAMES) {
    const value = metrics[name];
    if (value !== undefined) outputs[`metrics/${name}`] = value;
  }
  return outputs;
}
