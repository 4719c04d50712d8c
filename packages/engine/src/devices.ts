import { GantryError } from '@gantry/common';
import { type DeviceId, type ProbeMode, probeDevice } from './device-probe.js';
import { builtInProviders, RUNTIME_VERSION } from './engines/onnx-session.js';
import { cpuInterface } from './engines/ort-c-api.js';
import type { DeviceDescription } from './program.js';

/** What `gantry doctor` shows of a provider. */
export interface DeviceReport {
  readonly id: string;
  readonly works: boolean;
  /** Why it does not, or what it is. */
  readonly reason: string;
  /** What would make it work; '' where nothing is to be done. */
  readonly remedy: string;
}

export interface DeviceOptions {
  /** `auto`, `cpu`, `webgpu`, `cuda[:N]`, `coreml`, `dml[:N]`. */
  readonly device: string;
  readonly threads: number;
}

type OnnxProvider = 'cpu' | 'webgpu' | 'cuda' | 'coreml' | 'dml';

/** Best first: what `auto` tries, before cpu. */
const ACCELERATORS: readonly OnnxProvider[] = ['cuda', 'coreml', 'dml', 'webgpu'];
const DEVICE_PATTERN = /^(cpu|webgpu|cuda|coreml|dml)(?::(\d{1,2}))?$/;

const REMEDIES: Readonly<Record<OnnxProvider, string>> = {
  cpu: 'install onnxruntime-node for this platform',
  coreml: 'CoreML needs macOS; use --device cpu or --device auto',
  cuda:
    'install an NVIDIA driver, CUDA 12 and cuDNN 9, then add the provider to onnxruntime-node: ' +
    'node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12; or use --device cpu',
  dml: 'DirectML needs Windows; use --device cpu or --device auto',
  webgpu: 'install a Vulkan driver for the GPU (and libvulkan1 on Linux); or use --device cpu',
};

const NO_CHOICE = 'ONNX Runtime chooses the webgpu adapter by itself, so there is no number but 0; say webgpu';

/**
 * Reads a device's name; one without a number is the first of its kind.
 *
 * @throws GantryError GANTRY_CONFIG_INVALID
 */
export function parseDevice(device: string): DeviceId {
  const match = DEVICE_PATTERN.exec(device);
  const hasIndex = match?.[2] !== undefined;
  if (match === null || (hasIndex && (match[1] === 'cpu' || match[1] === 'coreml'))) {
    const message = `device ${device} is none of auto, cpu, webgpu, cuda[:N], coreml, dml[:N]`;
    throw new GantryError('GANTRY_CONFIG_INVALID', message, { details: { device } });
  }
  return { provider: match[1] as OnnxProvider, index: Number(match[2] ?? 0) };
}

/**
 * Finds the device to run on. `auto` takes the first of cuda, coreml, dml and webgpu that is there and computes rightly,
 * and never a GPU that software imitates; cpu otherwise. A device named outright is taken if it works at all.
 *
 * @throws GantryError GANTRY_CONFIG_INVALID for a name that is none
 * @throws GantryError GANTRY_DEVICE_UNAVAILABLE if the named device does not work, with what to do
 */
export async function selectDevice({ device, threads }: DeviceOptions): Promise<DeviceDescription> {
  if (device === 'auto') return selectBest(threads);
  const id = parseDevice(device);
  const provider = id.provider as OnnxProvider;
  if (provider === 'cpu') return describe(id, threads, '');
  if (provider === 'webgpu' && id.index > 0) throw unavailable(device, NO_CHOICE);
  const failure = await failureOf(id, 'explicit');
  if (failure === undefined) return describe(id, threads, '');
  throw unavailable(device, `${failure}; ${REMEDIES[provider]}`);
}

function unavailable(device: string, why: string): GantryError {
  return new GantryError('GANTRY_DEVICE_UNAVAILABLE', `device ${device} does not work: ${why}`, {
    details: { device },
  });
}

/** Tries every provider, as `auto` would, and says what came of it. */
export async function listDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const provider of ACCELERATORS) {
    const failure = await failureOf({ provider, index: 0 }, 'auto');
    const works = failure === undefined;
    const reason = failure ?? `ONNX Runtime ${RUNTIME_VERSION}`;
    reports.push({ id: idOf({ provider, index: 0 }), works, reason, remedy: works ? '' : REMEDIES[provider] });
  }
  reports.push({ id: 'cpu', works: true, reason: `ONNX Runtime ${RUNTIME_VERSION}`, remedy: '' });
  return reports;
}

async function selectBest(threads: number): Promise<DeviceDescription> {
  const failures: string[] = [];
  for (const provider of ACCELERATORS) {
    const failure = await failureOf({ provider, index: 0 }, 'auto');
    if (failure === undefined) return describe({ provider, index: 0 }, threads, 'the first accelerator that works');
    failures.push(`${provider}: ${failure}`);
  }
  return describe({ provider: 'cpu', index: 0 }, threads, `no accelerator works (${failures.join('; ')})`);
}

/** Why a device does not work; undefined if it does. */
async function failureOf(id: DeviceId, mode: ProbeMode): Promise<string | undefined> {
  if (!builtInProviders().includes(id.provider)) {
    return `ONNX Runtime ${RUNTIME_VERSION} for ${process.platform} ${process.arch} has no ${id.provider} provider`;
  }
  return probeDevice(id, mode);
}

function idOf({ provider, index }: DeviceId): string {
  return provider === 'cpu' || provider === 'coreml' ? provider : `${provider}:${index}`;
}

function describe(id: DeviceId, threads: number, reason: string): DeviceDescription {
  const isCpu = id.provider === 'cpu';
  const detail = isCpu ? `, ${threads} thread${threads === 1 ? '' : 's'}, ${cpuInterface()}` : `:${id.index}`;
  const label = `ONNX Runtime ${RUNTIME_VERSION} ${id.provider}${detail}`;
  return { id: idOf(id), provider: id.provider, label, reason };
}
