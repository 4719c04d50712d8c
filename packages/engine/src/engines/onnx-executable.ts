import { assert, GantryError } from '@gantry/common';
import { programHash, type SessionCache } from '../cache.js';
import type { Graph } from '../graph/graph.js';
import { inputName, lowerGraph, outputName } from '../lower/lower.js';
import { encodeModel } from '../onnx/encode.js';
import type { OnnxModel } from '../onnx/model.js';
import { optimizeGraph } from '../passes/pipeline.js';
import type { BoundExecutable, Executable, HostArray, HostArrays, TensorSpec } from '../program.js';
import { checkedArray, checkNames, coincides, mayOverwrite, overlaps } from './onnx-binding.js';
import type { OrtSession } from './onnx-session.js';
import type { BoundEdge } from './ort-c-api.js';

/** A model for one set of outputs, with its session. */
interface Variant {
  readonly hash: string;
  readonly model: OnnxModel;
  readonly session: OrtSession;
}

/** An output that is computed elsewhere and copied to where the caller wants it after the run. */
interface Copy {
  readonly from: HostArray;
  readonly to: HostArray;
}

export interface ExecutableSettings {
  readonly provider: string;
  readonly cache: SessionCache;
}

/** An optimized graph with its session. A binding that wants fewer outputs gets a session that computes only these. */
export class OnnxExecutable implements Executable {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly hash: string;
  /** The graph after all passes, as it was lowered. */
  readonly graph: Graph;
  readonly #settings: ExecutableSettings;
  readonly #variants = new Map<string, Variant>();
  readonly #full: Variant;

  private constructor(graph: Graph, full: Variant, settings: ExecutableSettings) {
    this.graph = graph;
    this.inputs = graph.inputs.map(({ spec }) => spec);
    this.outputs = graph.outputs.map(({ spec }) => spec);
    this.hash = full.hash;
    this.#settings = settings;
    this.#full = full;
    this.#variants.set(this.#keyOf(this.outputs), full);
  }

  /**
   * Optimizes, lowers and loads a kernel graph.
   *
   * @throws GantryError GANTRY_ENGINE_UNSUPPORTED, GANTRY_ENGINE_FAILED
   */
  static async compile(graph: Graph, settings: ExecutableSettings): Promise<OnnxExecutable> {
    const optimized = optimizeGraph(graph);
    const model = lowerGraph(optimized);
    const bytes = encodeModel(model);
    const hash = programHash(bytes, settings.provider);
    const session = await settings.cache.acquire(hash, bytes);
    return new OnnxExecutable(optimized, { hash, model, session }, settings);
  }

  bind(inputs: HostArrays, outputs: HostArrays): BoundExecutable {
    const { name } = this.graph;
    checkNames(name, 'input', this.inputs, inputs);
    checkNames(name, 'output', this.outputs, outputs);
    const wanted = this.outputs.filter((spec) => outputs[spec.name] !== undefined);
    if (wanted.length === 0) throw new GantryError('GANTRY_ENGINE_FAILED', `program ${name}: no output is bound`);
    const variant = this.#variantFor(wanted);
    const feeds = this.inputs.map((spec) => ({
      spec: { ...spec, name: inputName(spec.name) },
      array: checkedArray(name, 'input', spec, inputs),
    }));
    const fetches = wanted.map((spec) => ({
      spec: { ...spec, name: outputName(spec.name) },
      array: checkedArray(name, 'output', spec, outputs),
    }));
    checkOutputs(name, wanted, outputs);
    const { targets, copies } = detachUnsafe(variant.model, feeds, fetches);
    return { run: guarded(variant.session.bind(feeds, targets), copies, name, variant.session.isSynchronous) };
  }

  dispose(): void {
    for (const { hash } of this.#variants.values()) this.#settings.cache.release(hash);
    this.#variants.clear();
  }

  #keyOf(specs: readonly TensorSpec[]): string {
    return JSON.stringify(specs.map(({ name }) => name));
  }

  /** Where sessions load asynchronously only, the whole program runs and what is not wanted is not fetched. */
  #variantFor(wanted: readonly TensorSpec[]): Variant {
    const key = this.#keyOf(wanted);
    const known = this.#variants.get(key);
    if (known !== undefined) return known;
    assert(this.#variants.size > 0, `program ${this.graph.name} is bound after it was disposed of`);
    if (!this.#full.session.isSynchronous) return this.#full;
    const names = new Set(wanted.map(({ name }) => name));
    const outputs = this.graph.outputs.filter(({ spec }) => names.has(spec.name));
    const model = lowerGraph(optimizeGraph({ ...this.graph, outputs }));
    const bytes = encodeModel(model);
    const hash = programHash(bytes, this.#settings.provider);
    const session = this.#settings.cache.acquireSync(hash, bytes);
    if (session === undefined) return this.#full;
    const variant = { hash, model, session };
    this.#variants.set(key, variant);
    return variant;
  }
}

function checkOutputs(program: string, wanted: readonly TensorSpec[], outputs: HostArrays): void {
  const bound: { name: string; array: HostArray }[] = [];
  for (const { name } of wanted) {
    const array = outputs[name]!;
    const other = bound.find((earlier) => overlaps(earlier.array, array));
    if (other !== undefined) {
      throw new GantryError(
        'GANTRY_ENGINE_FAILED',
        `program ${program}: outputs ${other.name} and ${name} share memory`,
      );
    }
    bound.push({ name, array });
  }
}

/** Gives each output that would overwrite an input too early an array of its own. */
function detachUnsafe(model: OnnxModel, feeds: readonly BoundEdge[], fetches: readonly BoundEdge[]) {
  const copies: Copy[] = [];
  const targets = fetches.map((fetch) => {
    const { spec, array } = fetch;
    const isSafe = feeds.every((feed) => {
      if (!overlaps(feed.array, array)) return true;
      return coincides(feed.array, array) && mayOverwrite(model, feed.spec.name, spec.name);
    });
    if (isSafe) return fetch;
    const own = array instanceof Int32Array ? new Int32Array(array.length) : new Float32Array(array.length);
    copies.push({ from: own, to: array });
    return { spec, array: own };
  });
  return { targets, copies };
}

/** Allocates nothing per run but what the runtime's binding itself does. */
function guarded(
  run: () => undefined | Promise<void>,
  copies: readonly Copy[],
  program: string,
  isSynchronous: boolean,
) {
  const copy = () => {
    for (const { from, to } of copies) to.set(from);
  };
  const fail = (cause: unknown): never => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GantryError('GANTRY_ENGINE_FAILED', `program ${program} failed: ${reason}`, { cause });
  };
  if (!isSynchronous) return () => Promise.resolve(run()).then(copy, fail);
  return (): undefined => {
    try {
      run();
    } catch (error) {
      fail(error);
    }
    if (copies.length > 0) copy();
    return undefined;
  };
}
