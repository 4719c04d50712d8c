export { createEngine } from './create-engine.js';
export { type DeviceReport, listDevices, parseDevice, selectDevice } from './devices.js';
export { installGradients } from './gradients/install.js';
export { countKernels, printGraph } from './graph/print.js';
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
export { registerLocator } from './trace/origin.js';
export { trace } from './trace/trace.js';
export { type WithVariables, withVariables } from './trace/with-variables.js';
export { createVectorSum, type NativeVectorSum } from './vector-sum.js';
