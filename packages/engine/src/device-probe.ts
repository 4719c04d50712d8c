import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Provider } from './engines/onnx-session.js';

/** A device as `--device` names it. */
export interface DeviceId {
  readonly provider: Provider;
  readonly index: number;
}

/**
 * `auto` trusts only hardware, and gives up at once where there is no sign of any; `explicit` tries whatever is there.
 */
export type ProbeMode = 'auto' | 'explicit';

/** A provider that hangs (a driver that waits for a display, say) is given up after this long. */
const PROBE_TIMEOUT_MS = 20_000;
/** What a failed probe says is cut to what fits a line or two. */
const REASON_LENGTH_MAX = 300;
/** Vulkan drivers that compute on the cpu. */
const SOFTWARE_DRIVERS = /swiftshader|lvp|llvmpipe|lavapipe|mock/i;
const VULKAN_DRIVER_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];

const require = createRequire(import.meta.url);

/**
 * Loads and runs a tiny program on a device, in a process of its own: a provider may print, hang, or abort its process.
 *
 * @returns why it does not work; undefined if it does.
 */
export async function probeDevice(id: DeviceId, mode: ProbeMode): Promise<string | undefined> {
  const absent = mode === 'auto' ? missingHardware(id.provider) : missingFiles(id.provider);
  if (absent !== undefined) return absent;
  const script = fileURLToPath(new URL('./device-probe-child.js', import.meta.url));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, id.provider, String(id.index)],
      { env: probeEnvironment(mode), timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL', windowsHide: true },
      (error, stdout, stderr) => {
        // The child ends itself by SIGKILL when it has answered, so how it ended says nothing.
        const isRight = stdout.includes('probe: right');
        resolve(isRight ? undefined : reasonOf(error, stdout, stderr));
      },
    );
  });
}

function reasonOf(
  error: (Error & { killed?: boolean; signal?: unknown }) | null,
  stdout: string,
  stderr: string,
): string {
  if (error?.killed === true) return `it did not answer within ${PROBE_TIMEOUT_MS / 1000} s`;
  const answer = /probe: (.*)/.exec(stdout)?.[1];
  if (answer?.includes('RequestAdapterStatus')) return 'no WebGPU adapter was found';
  if (answer !== undefined) return answer.slice(0, REASON_LENGTH_MAX);
  const said = stderr.trim().split('\n').at(-1) || 'its process said nothing';
  const signal = typeof error?.signal === 'string' ? ` and ended by ${error.signal}` : '';
  return `${said.slice(0, REASON_LENGTH_MAX)}${signal}`;
}

/** What can be told without starting anything: most machines have no GPU, and shall not wait to hear it. */
function missingHardware(provider: string): string | undefined {
  const missing = missingFiles(provider);
  if (missing !== undefined || process.platform !== 'linux') return missing;
  if (provider === 'cuda') return existsSync('/dev/nvidiactl') ? undefined : 'no NVIDIA device';
  if (provider !== 'webgpu') return undefined;
  if (!existsSync('/dev/dri') && !existsSync('/dev/nvidiactl') && !existsSync('/dev/dxg')) return 'no GPU';
  return hardwareDrivers().length > 0 ? undefined : 'no Vulkan driver for a GPU';
}

/** A provider that is added to onnxruntime-node later is a library beside its own. */
function missingFiles(provider: string): string | undefined {
  if (provider !== 'cuda' || process.platform === 'win32') return undefined;
  const root = dirname(require.resolve('onnxruntime-node/package.json'));
  const library = join(root, 'bin', 'napi-v6', process.platform, process.arch, 'libonnxruntime_providers_cuda.so');
  return existsSync(library) ? undefined : 'the cuda provider is not installed';
}

/** Manifests of the Vulkan drivers that the loader would find, without those of software. */
function hardwareDrivers(): string[] {
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  const files = named === undefined ? VULKAN_DRIVER_FOLDERS.flatMap(manifestsIn) : named.split(':');
  return files.filter((file) => existsSync(file) && !SOFTWARE_DRIVERS.test(`${file} ${readFileSync(file, 'utf8')}`));
}

/** In `auto` a probe sees the drivers of hardware only, so that a cpu that plays GPU cannot pass for one. */
function probeEnvironment(mode: ProbeMode): NodeJS.ProcessEnv {
  if (mode === 'explicit' || process.platform !== 'linux') return process.env;
  const files = hardwareDrivers().join(':');
  return { ...process.env, VK_DRIVER_FILES: files, VK_ICD_FILENAMES: files };
}

function manifestsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(folder, name));
}
