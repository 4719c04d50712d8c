import { expect, it } from 'vitest';
import { namedLine } from './named-line.js';
import { placeOf } from './place.js';

it.each([
  ['nothing', {}, {}],
  [
    "Gantry's own",
    { GANTRY_JOIN: 'tcp://a:1', GANTRY_WORKER: 'w', GANTRY_HOST_ID: 'h' },
    { join: 'tcp://a:1', worker: 'w', host: 'h' },
  ],
  ["an indexed job's", { JOB_COMPLETION_INDEX: '3' }, { worker: 'worker-3' }],
  ["a Slurm node's", { SLURMD_NODENAME: 'n1' }, { host: 'n1' }],
  [
    "a task's beside the coordinator of its job",
    { SLURM_LAUNCH_NODE_IPADDR: '198.18.0.1', GANTRY_PORT: '20007', GANTRY_WORKER: 'w' },
    { join: 'tcp://198.18.0.1:20007', worker: 'w' },
  ],
  [
    'an address of version 6',
    { SLURM_LAUNCH_NODE_IPADDR: 'fd00::1', GANTRY_PORT: '20007' },
    { join: 'tcp://[fd00::1]:20007' },
  ],
  ["a task's of another job", { SLURM_LAUNCH_NODE_IPADDR: '198.18.0.1' }, {}],
  [
    'one over the other',
    { SLURMD_NODENAME: 'n1', GANTRY_HOST_ID: 'h', JOB_COMPLETION_INDEX: '3', GANTRY_WORKER: 'w' },
    { host: 'h', worker: 'w' },
  ],
  ['an index that is none', { JOB_COMPLETION_INDEX: 'x' }, {}],
  [
    'the key of its name in a folder',
    { GANTRY_KEYS: '/keys', GANTRY_WORKER_INDEX: '1' },
    { worker: 'worker-1', keys: '/keys/worker-1.key' },
  ],
  ['a key file', { GANTRY_KEYS: '/own.key', GANTRY_WORKER_INDEX: '1' }, { worker: 'worker-1' }],
])('reads a place from the environment: %s', (_, env, place) => {
  expect(placeOf(env, (path) => path === '/keys')).toEqual(place);
});

it.each([
  ['worker-1  | text | more', { name: 'worker-1', line: 'text | more' }],
  ['worker-1 |', { name: 'worker-1', line: '' }],
  ['plain text', { name: '', line: 'plain text' }],
])('reads the name in front of %s', (line, expected) => {
  expect(namedLine(line)).toEqual(expected);
});
