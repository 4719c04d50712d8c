import { createRequire } from 'node:module';
import type { KernelBackend as CoreKernelBackend, Tensor as CoreTensor, Rank } from '@tensorflow/tfjs-core';

/**
 * TensorFlow.js, as every package of Gantry takes it. Its packages are CommonJS of a megabyte each: Node's loader of ES modules
 * searches all of it for the names that it exports, which takes a worker 0.7 s as it starts; `require` does not. Both give the
 * same module: a model may import it in either way.
 */
const require = createRequire(import.meta.url);
const core = require('@tensorflow/tfjs-core') as typeof import('@tensorflow/tfjs-core');
const tfjsLayers = require('@tensorflow/tfjs-layers') as typeof import('@tensorflow/tfjs-layers');
const backendCpu = require('@tensorflow/tfjs-backend-cpu') as typeof import('@tensorflow/tfjs-backend-cpu');

export const {
  KernelBackend,
  Tensor,
  add,
  backend_util,
  broadcast_util,
  cast,
  concat,
  cumsum,
  dispose,
  div,
  engine,
  equal,
  exp,
  eye,
  getBackend,
  getGradient,
  getKernelsForBackend,
  grad,
  greater,
  greaterEqual,
  keep,
  less,
  lessEqual,
  log,
  logSumExp,
  logicalAnd,
  logicalNot,
  matMul,
  max,
  mean,
  memory,
  min,
  minimum,
  mul,
  neg,
  ones,
  onesLike,
  pad,
  pow,
  prod,
  registerBackend,
  registerGradient,
  registerKernel,
  relu,
  reshape,
  reverse,
  rsqrt,
  scalar,
  setBackend,
  sigmoid,
  slice,
  slice_util,
  softmax,
  softplus,
  sqrt,
  square,
  stack,
  step,
  sub,
  sum,
  tanh,
  tensor,
  tidy,
  transpose,
  unregisterGradient,
  unsortedSegmentSum,
  unstack,
  util,
  valueAndGrads,
  variableGrads,
  version_core,
  where,
  zeros,
  zerosLike,
} = core;
export const { layers, sequential } = tfjsLayers;
export const { MathBackendCPU } = backendCpu;

// Classes are types as well.
export type Tensor<R extends Rank = Rank> = CoreTensor<R>;
export type KernelBackend = CoreKernelBackend;
