import { createHash } from 'node:crypto';
import { GantryError } from '@gantry/common';
import type { Graph } from '../graph/graph.js';
import { numberKey } from '../passes/rewriter.js';
import type { Program, TensorSpec } from '../program.js';
import { MISSING_RULE } from '../trace/recording.js';
import { trace } from '../trace/trace.js';

/**
 * The content hash of an eagerly run program: of the graph that it is captured as. A program whose kernels only an eager
 * engine can run is known by its source text, which does not see what its closures hold.
 *
 * @throws GantryError GANTRY_ENGINE_UNSUPPORTED for a program that is not pure: random numbers, tensors that it reads,
 *   variables that are no inputs. An eager engine would run it, each time with another result under one hash.
 */
export function programHash(program: Program, outputs: readonly TensorSpec[], runtime: string): string {
  const hash = createHash('sha256').update(JSON.stringify([runtime, program.name, program.inputs, outputs]));
  const graph = traceIfPossible(program);
  if (graph === null) return hash.update(program.run.toString()).digest('hex');
  // Origins hold paths, which differ between machines.
  for (const { op, inputs, attributes, outputs } of graph.nodes)
    hash.update(JSON.stringify([op, inputs, attributes, outputs], (_, value) => numberKey(value)));
  for (const [id, { value, data }] of graph.constants) {
    hash.update(JSON.stringify([id, value.shape, value.dtype]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.update(JSON.stringify(graph.outputs)).digest('hex');
}

function traceIfPossible(program: Program): Graph | null {
  try {
    return trace(program);
  } catch (error) {
    if (error instanceof GantryError && error.details.missing === MISSING_RULE) return null;
    throw error;
  }
}
