import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { listDevices, parseDevice, selectDevice } from '../dist/devices.js';

/** Chromium's Vulkan driver that computes on the cpu, where Debian puts it. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

describe('parseDevice', () => {
  it('reads kinds and numbers', () => {
    expect(parseDevice('cpu')).toEqual({ provider: 'cpu', index: 0 });
    expect(parseDevice('cuda')).toEqual({ provider: 'cuda', index: 0 });
    expect(parseDevice('webgpu:3')).toEqual({ provider: 'webgpu', index: 3 });
  });

  it.each(['gpu', 'cpu:1', 'cuda:', 'cuda:x', 'webgpu:-1', ''])('refuses %j', (device) => {
    expect(() => parseDevice(device)).toThrow(expect.objectContaining({ code: 'GANTRY_CONFIG_INVALID' }));
  });
});

describe('selectDevice', () => {
  it('takes cpu at its word', async () => {
    const device = await selectDevice({ device: 'cpu', threads: 2 });
    expect(device).toMatchObject({ id: 'cpu', provider: 'cpu', reason: '' });
    expect(device.label).toMatch(/^ONNX Runtime 1\.\d+\.\d+ cpu, 2 threads, (C interface|Node binding \(.+\))$/);
  });

  it('finds what works and says why', async () => {
    const device = await selectDevice({ device: 'auto', threads: 1 });
    expect(device.reason).toMatch(/works/);
    const reports = await listDevices();
    const best = reports.find(({ works }) => works);
    expect(best?.id).toBe(device.id);
    for (const { works, reason, remedy } of reports) {
      expect(reason).not.toBe('');
      expect(remedy === '').toBe(works);
    }
  });

  it('says what to do about a device that is not there', async () => {
    // No machine has a hundredth GPU, and none has both CoreML and DirectML.
    const absent = process.platform === 'darwin' ? 'dml:0' : 'coreml';
    await expect(selectDevice({ device: absent, threads: 1 })).rejects.toMatchObject({
      code: 'GANTRY_DEVICE_UNAVAILABLE',
      message: expect.stringMatching(/does not work: .*use --device cpu/),
    });
  });

  it('has one webgpu device', async () => {
    await expect(selectDevice({ device: 'webgpu:1', threads: 1 })).rejects.toMatchObject({
      code: 'GANTRY_DEVICE_UNAVAILABLE',
      message: expect.stringMatching(/no number but 0; say webgpu$/),
    });
  });

  it.skipIf(!existsSync(SWIFTSHADER))('runs webgpu on SwiftShader when asked, and not by itself', async () => {
    const before = process.env.VK_ICD_FILENAMES;
    const runtimeFolder = process.env.XDG_RUNTIME_DIR;
    process.env.VK_ICD_FILENAMES = SWIFTSHADER;
    process.env.XDG_RUNTIME_DIR ??= '/tmp';
    try {
      const device = await selectDevice({ device: 'webgpu', threads: 1 });
      expect(device).toMatchObject({ id: 'webgpu:0', provider: 'webgpu' });
      expect((await selectDevice({ device: 'auto', threads: 1 })).provider).not.toBe('webgpu');
    } finally {
      restore('VK_ICD_FILENAMES', before);
      restore('XDG_RUNTIME_DIR', runtimeFolder);
    }
  });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
