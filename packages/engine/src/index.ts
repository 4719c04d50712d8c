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
export { createVectorSum, type NativeVectorSum } from './vector-sum.js';
