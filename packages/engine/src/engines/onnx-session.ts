import { createRequire } from 'node:module';
import { GantryError } from '@gantry/common';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { DeviceDescription } from '../program.js';
import { type BoundEdge, type CApiSession, loadOrtCApi, type OrtCApi } from './ort-c-api.js';
import { disableTelemetry } from './telemetry.js';

export type Provider = DeviceDescription['provider'];

/** What a session runs on. */
export interface SessionSettings {
  readonly provider: Provider;
  /** Which of several devices of one kind. */
  readonly index: number;
  /** Intra-op threads of the cpu provider. */
  readonly threads: number;
}

/** A loaded model. What `bind` returns is synchronous where `isSynchronous`, and returns a promise otherwise. */
export interface OrtSession {
  readonly isSynchronous: boolean;
  /** Edges by the model's names, over the callers' memory. */
  bind(inputs: readonly BoundEdge[], outputs: readonly BoundEdge[]): () => undefined | Promise<void>;
  dispose(): Promise<void>;
}

type OrtTensors = Record<string, Tensor>;

/** The native session under onnxruntime-node's public one: the same calls without a turn of the event loop around them. */
interface NativeSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: InferenceSession.SessionOptions): void;
  run(feeds: OrtTensors, fetches: OrtTensors, options: InferenceSession.RunOptions): OrtTensors;
  dispose(): void;
}
interface NativeBinding {
  readonly binding: { readonly InferenceSession: new () => NativeSession };
  readonly initOrt: () => void;
}

const RUN_OPTIONS: InferenceSession.RunOptions = {};
/** What the runtime warns of concerns its own optimizers; errors come back as exceptions. */
const LOG_SEVERITY_FATAL = 4;
/** The native binding is no public interface: it is used only in the releases in which it was seen to work. */
const NATIVE_BINDING_VERSIONS = /^1\.(2[2-9]|3\d)\./;

const require = createRequire(import.meta.url);

/** Version of the installed onnxruntime-node. */
export const RUNTIME_VERSION: string = (require('onnxruntime-node/package.json') as { version: string }).version;

/** Loaded when it is first needed: on the cpu the C interface does without it. */
function nodeRuntime(): typeof import('onnxruntime-node') {
  disableTelemetry();
  return require('onnxruntime-node');
}

let native: NativeBinding | null | undefined;

/** Providers that the installed runtime was built with, by Gantry's names. */
export function builtInProviders(): string[] {
  return nodeRuntime()
    .listSupportedBackends()
    .map(({ name }) => name);
}

/**
 * Loads a model.
 *
 * @throws GantryError GANTRY_ENGINE_FAILED with the runtime's own message.
 */
export async function createSession(model: Uint8Array, settings: SessionSettings): Promise<OrtSession> {
  const direct = createSessionSync(model, settings);
  if (direct !== undefined) return direct;
  try {
    return publicSession(await nodeRuntime().InferenceSession.create(model, sessionOptions(settings)));
  } catch (error) {
    throw loadFailure(error, settings);
  }
}

/**
 * The same at once, for the cpu provider: through the C interface, or else the native half of onnxruntime-node, which
 * copies. Undefined where only the asynchronous interface can be used.
 */
export function createSessionSync(
  model: Uint8Array,
  settings: SessionSettings,
  api: OrtCApi | null = loadOrtCApi(),
): OrtSession | undefined {
  if (settings.provider !== 'cpu') return undefined;
  try {
    if (api !== null) return directSession(api.createSession(model, settings));
    return nativeSession(model, settings);
  } catch (error) {
    throw loadFailure(error, settings);
  }
}

function sessionOptions({ provider, index, threads }: SessionSettings): InferenceSession.SessionOptions {
  const isCpu = provider === 'cpu';
  return {
    executionProviders: [executionProvider(provider, index)],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: isCpu ? threads : 1,
    interOpNumThreads: 1,
    logSeverityLevel: LOG_SEVERITY_FATAL,
    // Threads that spin between kernels take the cores that the other workers of the machine need.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

/** webgpu takes no number: Dawn chooses the adapter. */
function executionProvider(provider: Provider, index: number): InferenceSession.ExecutionProviderConfig {
  if (provider === 'cuda' || provider === 'dml') return { name: provider, deviceId: index };
  return provider;
}

function directSession(session: CApiSession): OrtSession {
  let isDisposed = false;
  return {
    isSynchronous: true,
    bind(inputs, outputs) {
      const run = session.bind(inputs, outputs);
      return () => {
        // The runtime would read freed memory.
        if (isDisposed) throw new GantryError('GANTRY_INTERNAL', 'a program was run after it was disposed of');
        run();
        return undefined;
      };
    },
    async dispose() {
      if (!isDisposed) session.dispose();
      isDisposed = true;
    },
  };
}

function nativeSession(model: Uint8Array, settings: SessionSettings): OrtSession | undefined {
  native ??= loadNative();
  if (native === null) return undefined;
  native.initOrt();
  const session = new native.binding.InferenceSession();
  session.loadModel(model.buffer, model.byteOffset, model.byteLength, sessionOptions(settings));
  return {
    isSynchronous: true,
    bind(inputs, outputs) {
      const feeds = tensors(inputs);
      const fetches = tensors(outputs);
      return () => {
        session.run(feeds, fetches, RUN_OPTIONS);
        return undefined;
      };
    },
    dispose: async () => session.dispose(),
  };
}

function publicSession(session: InferenceSession): OrtSession {
  return {
    isSynchronous: false,
    bind(inputs, outputs) {
      const feeds = tensors(inputs);
      const fetches = tensors(outputs);
      return async () => {
        await session.run(feeds, fetches, RUN_OPTIONS);
      };
    },
    dispose: () => session.release(),
  };
}

/** Tensors over the callers' arrays: the runtime writes the outputs' in place. */
function tensors(edges: readonly BoundEdge[]): OrtTensors {
  const { Tensor } = nodeRuntime();
  const named: OrtTensors = {};
  for (const { spec, array } of edges) {
    named[spec.name] =
      array instanceof Int32Array
        ? new Tensor('int32', array, spec.shape)
        : new Tensor('float32', array as Float32Array, spec.shape);
  }
  return named;
}

function loadNative(): NativeBinding | null {
  if (!NATIVE_BINDING_VERSIONS.test(RUNTIME_VERSION)) return null;
  try {
    disableTelemetry();
    const loaded = require('onnxruntime-node/dist/binding.js') as Partial<NativeBinding>;
    const prototype = loaded.binding?.InferenceSession?.prototype as Partial<NativeSession> | undefined;
    const isKnown = typeof prototype?.run === 'function' && typeof prototype.loadModel === 'function';
    return isKnown && typeof loaded.initOrt === 'function' ? (loaded as NativeBinding) : null;
  } catch {
    return null;
  }
}

function loadFailure(cause: unknown, { provider }: SessionSettings): GantryError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `ONNX Runtime ${RUNTIME_VERSION} (${provider}) did not load a program: ${reason}`;
  return new GantryError('GANTRY_ENGINE_FAILED', message, { cause, details: { provider } });
}
