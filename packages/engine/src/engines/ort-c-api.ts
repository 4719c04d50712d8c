/**
 * ONNX Runtime's C interface, called through koffi: the same library that onnxruntime-node ships, without its Node binding.
 * The binding copies every output into a new ArrayBuffer after each run, also where the caller gave one, and spends about
 * 30 µs a call; through this interface a run takes 7 µs, copies nothing and allocates nothing (docs/adr/0005).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GantryError } from '@gantry/common';
import koffi, { type LibraryHandle } from 'koffi';
import type { HostArray, TensorSpec } from '../program.js';
import { disableTelemetry } from './telemetry.js';

/** A model loaded by the C interface. */
export interface CApiSession {
  /**
   * Ties arrays to the model's edges and returns what runs it, synchronously, in place. The arrays must stay the same
   * size; they are kept alive.
   *
   * @throws GantryError GANTRY_ENGINE_FAILED, also from the returned function, with the runtime's message.
   */
  bind(inputs: readonly BoundEdge[], outputs: readonly BoundEdge[]): () => void;
  /** Tensors that the runtime holds over callers' arrays; those of a binding that is collected are given back. */
  readonly tensorCount: number;
  dispose(): void;
}

export interface BoundEdge {
  readonly spec: TensorSpec;
  readonly array: HostArray;
}

export interface CApiSessionOptions {
  readonly threads: number;
}

export interface OrtCApi {
  createSession(model: Uint8Array, options: CApiSessionOptions): CApiSession;
}

/** The oldest version of the C interface that has all that is used here; the table only ever grows at its end. */
const API_VERSION = 21;
/** Places in `struct OrtApi` (onnxruntime_c_api.h), which are the library's stable binary interface. */
const SLOTS = {
  GetErrorMessage: 2,
  CreateEnv: 3,
  CreateSessionFromArray: 8,
  Run: 9,
  CreateSessionOptions: 10,
  SetSessionLogSeverityLevel: 22,
  SetSessionGraphOptimizationLevel: 23,
  SetIntraOpNumThreads: 24,
  SetInterOpNumThreads: 25,
  CreateTensorWithDataAsOrtValue: 49,
  CreateCpuMemoryInfo: 69,
  ReleaseStatus: 93,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseSessionOptions: 100,
  AddSessionConfigEntry: 130,
} as const;
const SLOT_COUNT = 131;
/** Errors come back as statuses; the runtime need not print them too. */
const LOG_FATAL = 4;
const OPTIMIZE_ALL = 99;
const ARENA_ALLOCATOR = 1;
const MEMORY_DEFAULT = 0;
const ELEMENT_TYPES = { float32: 1, int32: 6 } as const;
const POINTER_BYTES = 8;

type Pointer = unknown;
/** The runtime's tensors of one binding, to be released once. */
type Binding = Pointer[];
type NativeCall = (...args: unknown[]) => Pointer;

const require = createRequire(import.meta.url);
let loaded: OrtCApi | null | undefined;
let failure = '';
/** koffi unloads a library when its handle is collected, and with it the code that runs: this keeps the handle. */
let library: LibraryHandle | undefined;

/** The C interface of the installed runtime; null where it cannot be used (then the Node binding does the work). */
export function loadOrtCApi(): OrtCApi | null {
  if (loaded === undefined) {
    try {
      loaded = openCApi();
    } catch (error) {
      loaded = null;
      failure = error instanceof Error ? error.message : String(error);
    }
  }
  return loaded;
}

/** How programs reach the runtime on the cpu, for people: `C interface`, or `Node binding (why)`. */
export function cpuInterface(): string {
  return loadOrtCApi() === null ? `Node binding (${failure})` : 'C interface';
}

/** Where onnxruntime-node keeps the runtime for this platform, if it does. */
function libraryPath(): string | undefined {
  const root = dirname(require.resolve('onnxruntime-node/package.json'));
  const folder = join(root, 'bin', 'napi-v6', process.platform, process.arch);
  const names = ['libonnxruntime.so.1', 'libonnxruntime.1.dylib', 'onnxruntime.dll'];
  return names.map((name) => join(folder, name)).find((path) => existsSync(path));
}

/** @throws Error saying why it cannot be used */
function openCApi(): OrtCApi {
  const path = libraryPath();
  if (path === undefined) throw new Error(`no library for ${process.platform} ${process.arch}`);
  const version = (require('onnxruntime-node/package.json') as { version: string }).version;
  disableTelemetry();
  library = koffi.load(path);
  const base = (library.func('void *OrtGetApiBase()') as NativeCall)();
  const [getApi, getVersion] = koffi.decode(base, koffi.array('void *', 2)) as [Pointer, Pointer];
  const versionString = koffi.decode(getVersion, koffi.proto('const char *()')) as () => string;
  const found = versionString();
  if (found !== version) throw new Error(`the library is ${found}, onnxruntime-node ${version}`);
  const api = (koffi.decode(getApi, koffi.proto('void *(uint32_t)')) as NativeCall)(API_VERSION);
  if (api === null) throw new Error(`it lacks version ${API_VERSION} of the C interface`);
  return new Library(koffi.decode(api, koffi.array('void *', SLOT_COUNT)) as Pointer[]);
}

/** The functions in use, with their C types. */
class Library implements OrtCApi {
  readonly #table: readonly Pointer[];
  readonly #errorMessage: (status: Pointer) => string;
  readonly #releaseStatus: NativeCall;
  readonly #createTensor: NativeCall;
  readonly #run: NativeCall;
  readonly #releaseValue: NativeCall;
  readonly #environment: Pointer;
  readonly #memory: Pointer;

  constructor(table: readonly Pointer[]) {
    this.#table = table;
    this.#errorMessage = this.#call('GetErrorMessage', 'const char *(void *)') as (status: Pointer) => string;
    this.#releaseStatus = this.#call('ReleaseStatus', 'void (void *)');
    this.#createTensor = this.#call(
      'CreateTensorWithDataAsOrtValue',
      'void *(void *, void *, size_t, const int64_t *, size_t, int, _Out_ void **)',
    );
    this.#run = this.#call('Run', 'void *(void *, void *, void *, void *, size_t, void *, size_t, void *)');
    this.#releaseValue = this.#call('ReleaseValue', 'void (void *)');
    this.#environment = this.#create(
      this.#call('CreateEnv', 'void *(int, const char *, _Out_ void **)'),
      LOG_FATAL,
      'gantry',
    );
    const createMemory = this.#call('CreateCpuMemoryInfo', 'void *(int, int, _Out_ void **)');
    this.#memory = this.#create(createMemory, ARENA_ALLOCATOR, MEMORY_DEFAULT);
  }

  createSession(model: Uint8Array, settings: CApiSessionOptions): CApiSession {
    const session = this.#load(model, settings);
    const bindings = new Set<Binding>();
    const release = (binding: Binding): void => {
      if (!bindings.delete(binding)) return;
      for (const value of binding) this.#releaseValue(value);
    };
    const collected = new FinalizationRegistry(release);
    return {
      bind: (inputs, outputs) => {
        const binding: Binding = [];
        bindings.add(binding);
        try {
          const run = this.#bind(session, inputs, outputs, binding);
          collected.register(run, binding);
          return run;
        } catch (error) {
          release(binding);
          throw error;
        }
      },
      get tensorCount() {
        return [...bindings].reduce((count, { length }) => count + length, 0);
      },
      dispose: () => {
        for (const binding of [...bindings]) release(binding);
        this.#call('ReleaseSession', 'void (void *)')(session);
      },
    };
  }

  #load(model: Uint8Array, settings: CApiSessionOptions): Pointer {
    const options = this.#create(this.#call('CreateSessionOptions', 'void *(_Out_ void **)'));
    try {
      this.#configure(options, settings);
      const createSession = this.#call(
        'CreateSessionFromArray',
        'void *(void *, const void *, size_t, void *, _Out_ void **)',
      );
      return this.#create(createSession, this.#environment, model, model.byteLength, options);
    } finally {
      this.#call('ReleaseSessionOptions', 'void (void *)')(options);
    }
  }

  #configure(options: Pointer, { threads }: CApiSessionOptions): void {
    const set = (name: keyof typeof SLOTS, value: number) =>
      this.#check(this.#call(name, 'void *(void *, int)')(options, value));
    set('SetIntraOpNumThreads', threads);
    set('SetInterOpNumThreads', 1);
    set('SetSessionGraphOptimizationLevel', OPTIMIZE_ALL);
    set('SetSessionLogSeverityLevel', LOG_FATAL);
    const addConfig = this.#call('AddSessionConfigEntry', 'void *(void *, const char *, const char *)');
    // Threads that spin between kernels take the cores that the other workers of the machine need.
    this.#check(addConfig(options, 'session.intra_op.allow_spinning', '0'));
  }

  #bind(session: Pointer, inputs: readonly BoundEdge[], outputs: readonly BoundEdge[], values: Binding): () => void {
    const feeds = this.#edges(inputs, values);
    const fetches = this.#edges(outputs, values);
    const run = this.#run;
    return () => {
      const status = run(
        session,
        null,
        feeds.names,
        feeds.values,
        inputs.length,
        fetches.names,
        outputs.length,
        fetches.values,
      );
      if (status !== null) this.#check(status);
    };
  }

  /** C arrays of names and of tensors over the callers' memory. */
  #edges(edges: readonly BoundEdge[], values: Binding) {
    const names = new BigUint64Array(new ArrayBuffer(Math.max(1, edges.length) * POINTER_BYTES));
    const tensors = new BigUint64Array(new ArrayBuffer(Math.max(1, edges.length) * POINTER_BYTES));
    const kept: ArrayBufferLike[] = [];
    edges.forEach(({ spec, array }, index) => {
      const name = new TextEncoder().encode(`${spec.name}\0`);
      // `.buffer` moves a small array off V8's heap, where the collector would move it under the runtime.
      kept.push(array.buffer, name.buffer);
      const tensor = this.#create(
        this.#createTensor,
        this.#memory,
        array,
        array.byteLength,
        BigInt64Array.from(spec.shape, BigInt),
        spec.shape.length,
        ELEMENT_TYPES[spec.dtype],
      );
      values.push(tensor);
      names[index] = koffi.address(name);
      tensors[index] = koffi.address(tensor);
    });
    // `kept` is read by nobody: it keeps alive what the runtime has addresses of, as long as these edges live.
    return { names, values: tensors, kept };
  }

  #call(name: keyof typeof SLOTS, type: string): NativeCall {
    return koffi.decode(this.#table[SLOTS[name]], koffi.proto(type)) as NativeCall;
  }

  /** Calls what returns a status and puts a new object into its last argument. */
  #create(call: NativeCall, ...args: unknown[]): Pointer {
    const out: Pointer[] = [null];
    this.#check(call(...args, out));
    return out[0];
  }

  #check(status: Pointer): void {
    if (status === null) return;
    const message = this.#errorMessage(status);
    this.#releaseStatus(status);
    throw new GantryError('GANTRY_ENGINE_FAILED', `ONNX Runtime: ${message}`);
  }
}
