import { createRequire } from 'node:module';
import { GantryError } from '@gantry/common';
import { InferenceSession, listSupportedBackends, type Tensor } from 'onnxruntime-node';
import type { DeviceDescription } from '../program.js';

export type Provider = DeviceDescription['provider'];
export type OrtTensors = Record<string, Tensor>;

/** What a session runs on. */
export interface SessionSettings {
  readonly provider: Provider;
  /** Which of several devices of one kind. */
  readonly index: number;
  /** Intra-op threads of the cpu provider. */
  readonly threads: number;
  /** File prefix of ONNX Runtime's own profile, for measurements. */
  readonly profilePrefix?: string;
}

/** A loaded model. `run` is synchronous where `isSynchronous`, and returns a promise otherwise. */
export interface OrtSession {
  readonly isSynchronous: boolean;
  run(feeds: OrtTensors, fetches: OrtTensors): undefined | Promise<void>;
  endProfiling(): void;
  dispose(): Promise<void>;
}

/** The native session under onnxruntime-node's public one: the same calls without a turn of the event loop around them. */
interface NativeSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: InferenceSession.SessionOptions): void;
  run(feeds: OrtTensors, fetches: OrtTensors, options: InferenceSession.RunOptions): OrtTensors;
  endProfiling(): void;
  dispose(): void;
}
interface NativeBinding {
  readonly binding: { readonly InferenceSession: new () => NativeSession };
  readonly initOrt: () => void;
}

const RUN_OPTIONS: InferenceSession.RunOptions = {};
/** Warnings of the runtime are about its own optimizers; errors come back as exceptions. */
const LOG_SEVERITY_ERROR = 3;
/** The native binding is no public interface: it is used only in the releases in which it was seen to work. */
const NATIVE_BINDING_VERSIONS = /^1\.(2[2-9]|3\d)\./;

const require = createRequire(import.meta.url);

/** Version of the installed onnxruntime-node. */
export const RUNTIME_VERSION: string = (require('onnxruntime-node/package.json') as { version: string }).version;

const native = loadNative();

/** Providers that the installed runtime was built with, by Gantry's names. */
export function builtInProviders(): string[] {
  return listSupportedBackends().map(({ name }) => name);
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
    return publicSession(await InferenceSession.create(model, sessionOptions(settings)));
  } catch (error) {
    throw loadFailure(error, settings);
  }
}

/** The same at once; undefined where only the asynchronous interface can be used. */
export function createSessionSync(model: Uint8Array, settings: SessionSettings): OrtSession | undefined {
  if (native === undefined || settings.provider !== 'cpu') return undefined;
  try {
    native.initOrt();
    const session = new native.binding.InferenceSession();
    session.loadModel(model.buffer, model.byteOffset, model.byteLength, sessionOptions(settings));
    return nativeSession(session);
  } catch (error) {
    throw loadFailure(error, settings);
  }
}

function sessionOptions({ provider, index, threads, profilePrefix }: SessionSettings): InferenceSession.SessionOptions {
  const isCpu = provider === 'cpu';
  return {
    executionProviders: [isCpu ? 'cpu' : { name: provider as 'cuda', deviceId: index }],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: isCpu ? threads : 1,
    interOpNumThreads: 1,
    logSeverityLevel: LOG_SEVERITY_ERROR,
    // Threads that spin between kernels take the cores that the other workers of the machine need.
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
}

function nativeSession(session: NativeSession): OrtSession {
  return {
    isSynchronous: true,
    run(feeds, fetches) {
      session.run(feeds, fetches, RUN_OPTIONS);
      return undefined;
    },
    endProfiling: () => session.endProfiling(),
    async dispose() {
      session.dispose();
    },
  };
}

function publicSession(session: InferenceSession): OrtSession {
  return {
    isSynchronous: false,
    async run(feeds, fetches) {
      await session.run(feeds, fetches, RUN_OPTIONS);
    },
    endProfiling: () => session.endProfiling(),
    dispose: () => session.release(),
  };
}

function loadNative(): NativeBinding | undefined {
  if (!NATIVE_BINDING_VERSIONS.test(RUNTIME_VERSION)) return undefined;
  try {
    const loaded = require('onnxruntime-node/dist/binding.js') as Partial<NativeBinding>;
    const prototype = loaded.binding?.InferenceSession?.prototype as Partial<NativeSession> | undefined;
    const isKnown = typeof prototype?.run === 'function' && typeof prototype.loadModel === 'function';
    return isKnown && typeof loaded.initOrt === 'function' ? (loaded as NativeBinding) : undefined;
  } catch {
    return undefined;
  }
}

function loadFailure(cause: unknown, { provider }: SessionSettings): GantryError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new GantryError(
    'GANTRY_ENGINE_FAILED',
    `ONNX Runtime ${RUNTIME_VERSION} (${provider}) did not load a program: ${reason}`,
    {
      cause,
      details: { provider },
    },
  );
}
