import '@tensorflow/tfjs-backend-cpu';
import { type HostArrays, installGradients, type Program } from '@gantry/engine';
import { memory, setBackend, tensor, tidy } from '@gantry/engine/tfjs';

/** Runs a program once, eagerly, and fails if it leaves tensors behind its own tidy. */
export function runProgram(program: Program, arrays: HostArrays): Record<string, Float32Array> {
  void setBackend('cpu');
  installGradients();
  const before = memory().numTensors;
  const outputs: Record<string, Float32Array> = {};
  tidy(() => {
    const inputs = Object.fromEntries(
      program.inputs.map(({ name, shape, dtype }) => [name, tensor(arrays[name]!, [...shape], dtype)]),
    );
    for (const [name, value] of Object.entries(program.run(inputs))) {
      outputs[name] = Float32Array.from(value.dataSync());
    }
  });
  const leaked = memory().numTensors - before;
  if (leaked !== 0) throw new Error(`${program.name} leaves ${leaked} tensors behind`);
  return outputs;
}
