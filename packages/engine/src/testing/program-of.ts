import type { Program, TensorSpec } from '../program.js';
import type { KernelSample } from './kernel-sample.js';

/** A sample as a program of inputs `x0`, `x1` … and outputs `y0`, `y1` … */
export function programOf(sample: KernelSample): Program {
  const inputs = sample.inputs.map(
    ({ shape, dtype }, i): TensorSpec => ({ name: `x${i}`, shape, dtype: dtype ?? 'float32' }),
  );
  return {
    name: sample.kernel,
    inputs,
    run(tensors) {
      const outputs = [sample.run(...inputs.map(({ name }) => tensors[name]!))].flat();
      return Object.fromEntries(outputs.map((output, i) => [`y${i}`, output]));
    },
  };
}
