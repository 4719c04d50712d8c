import { describe, expect, it } from 'vitest';
import { checkEndpoint, checkWorkerName, hostId, readEnvironment } from './worker-options.js';

describe('checkEndpoint', () => {
  it.each(['tcp://127.0.0.1:5000', 'tcp://localhost:1', 'tcp://[::1]:65535'])('takes %s', (join) => {
    expect(() => checkEndpoint(join, { insecure: false, keyed: false })).not.toThrow();
  });

  it('takes another machine only if told so', () => {
    expect(() => checkEndpoint('tcp://10.0.0.1:5000', { insecure: false, keyed: false })).toThrow(
      expect.objectContaining({ code: 'GANTRY_BIND_REFUSED' }),
    );
    expect(() => checkEndpoint('tcp://10.0.0.1:5000', { insecure: true, keyed: false })).not.toThrow();
    expect(() => checkEndpoint('tcp://10.0.0.1:5000', { insecure: false, keyed: true })).not.toThrow();
  });

  it.each(['', 'localhost:1', 'tcp://a', 'tcp://a:99999', 'ipc:///tmp/x'])('refuses %j', (join) => {
    expect(() => checkEndpoint(join, { insecure: true, keyed: true })).toThrow(
      expect.objectContaining({ code: 'GANTRY_USAGE' }),
    );
  });
});

it('takes names that the protocol takes', () => {
  expect(checkWorkerName('')).toBe('');
  expect(checkWorkerName('gpu-3.rack:7')).toBe('gpu-3.rack:7');
  expect(() => checkWorkerName('bad name!')).toThrow(expect.objectContaining({ code: 'GANTRY_USAGE' }));
});

describe('readEnvironment', () => {
  it('reads numbers, or nothing', () => {
    const none = { launchToken: '', launchKey: '', keys: '', flightFile: '', data: '', dataMemoryMiB: null };
    expect(readEnvironment({})).toEqual({ ...none, parentFd: null, parentPid: null, fault: undefined });
    expect(readEnvironment({ GANTRY_PARENT_FD: '3', GANTRY_PARENT_PID: '77', GANTRY_LAUNCH_TOKEN: 't' })).toEqual({
      ...none,
      launchToken: 't',
      parentFd: 3,
      parentPid: 77,
      fault: undefined,
    });
    expect(() => readEnvironment({ GANTRY_PARENT_FD: 'x' })).toThrow(/GANTRY_PARENT_FD=x/);
  });

  it('reads where the data comes from', () => {
    const given = { GANTRY_DATA: 'stream', GANTRY_DATA_MEMORY: '64' };
    expect(readEnvironment(given)).toMatchObject({ data: 'stream', dataMemoryMiB: 64 });
    expect(() => readEnvironment({ GANTRY_DATA: 'cloud' })).toThrow(/expected one of auto, local, stream/);
    expect(() => readEnvironment({ GANTRY_DATA_MEMORY: '1 GiB' })).toThrow(/GANTRY_DATA_MEMORY/);
  });
});

it('makes host ids that the protocol takes', () => {
  expect([hostId('my host'), hostId('-a.b'), hostId(''), hostId('n1')]).toEqual(['my-host', 'a.b', 'host', 'n1']);
});
