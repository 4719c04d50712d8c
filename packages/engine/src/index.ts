export { createEngine } from './create-engine.js';
export { installGradients } from './gradients/install.js';
export type {
  BoundExecutable,
  DeviceDescription,
  DType,
  Engine,
  EngineOptions,
  Executable,
  HostArray,
  HostArrays,
  NamedTensors,
  Program,
  TensorSpec,
} from './program.js';
export { trace } from './trace/trace.js';
export { type WithVariables, withVariables } from './trace/with-variables.js';
export { createVectorSum, type NativeVectorSum } from './vector-sum.js';
