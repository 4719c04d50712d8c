import { describe, expect, it } from 'vitest';
import { diagnose } from './diagnose.js';

const JOB = { kind: 'Job', metadata: { name: 'small-coordinator' }, status: {} };
const OVER = (type: string, more: object = {}) => ({
  ...JOB,
  status: { conditions: [{ type, status: 'True', ...more }] },
});

/** A pod with this status, as `kubectl get -o json` has it. */
function pod(status: object, more: { component?: string; deleted?: boolean } = {}) {
  const { component = 'worker', deleted = false } = more;
  return {
    kind: 'Pod',
    metadata: {
      name: component === 'worker' ? 'small-worker-1-x7k2p' : 'small-coordinator-abcde',
      labels: { 'app.kubernetes.io/component': component },
      ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [{ image: 'gantry:9' }] },
    status,
  };
}

const waiting = (reason: string, message?: string, more: object = {}) => ({
  phase: 'Pending',
  containerStatuses: [{ state: { waiting: { reason, ...(message === undefined ? {} : { message }) } }, ...more }],
});
const list = (...items: object[]): string => JSON.stringify({ kind: 'List', items });
const health = (...items: object[]) => diagnose(list(...items), 'small-coordinator');

describe('how a run stands', () => {
  it.each<[string, object[], { isOver: boolean; problem: null }]>([
    ['it has just been applied', [JOB], { isOver: false, problem: null }],
    ['its pods are being made', [JOB, pod(waiting('ContainerCreating'))], { isOver: false, problem: null }],
    [
      'it runs',
      [JOB, pod({ phase: 'Running', containerStatuses: [{ state: { running: {} } }] })],
      { isOver: false, problem: null },
    ],
    ['the coordinator has ended well', [OVER('Complete')], { isOver: true, problem: null }],
    ['its job was deleted', [{ ...JOB, metadata: { name: 'small-worker' } }], { isOver: true, problem: null }],
    [
      'a pod on its way out complains',
      [JOB, pod(waiting('ImagePullBackOff'), { deleted: true })],
      { isOver: false, problem: null },
    ],
  ])('%s', (_, items, expected) => {
    expect(health(...items)).toEqual(expected);
  });

  it('is unknown where kubectl has no answer', () => {
    for (const output of ['', 'null', '{"items":3}', 'error: no connection']) {
      expect(() => diagnose(output, 'x')).not.toThrow();
    }
    expect(diagnose('', 'x')).toEqual({ isOver: false, problem: expect.stringMatching(/cannot ask the cluster/) });
  });
});

describe('what keeps a run from going on is told in one message with its remedy', () => {
  const oom = { terminated: { reason: 'OOMKilled', exitCode: 137 } };
  it.each<[string, object, boolean, RegExp]>([
    [
      'the image is pulled a second time',
      pod(waiting('ErrImagePull', 'not found')),
      false,
      /cannot get gantry:9: not found\. It is tried again/,
    ],
    [
      'the image cannot be had',
      pod(waiting('ImagePullBackOff', 'Back-off pulling image.')),
      true,
      /small-worker-1-x7k2p cannot get gantry:9 \(ImagePullBackOff: Back-off pulling image\)\. Name in image one/,
    ],
    ['its name is none', pod(waiting('InvalidImageName')), true, /gantry:9 \(InvalidImageName\)\. Name in image/],
    ['it is on no node', pod(waiting('ErrImageNeverPull')), true, /imagePullPolicy/],
    [
      'a secret is missing',
      pod(waiting('CreateContainerConfigError', 'secret "small-keys" not found')),
      true,
      /secret "small-keys" not found\. gantry launch makes it/,
    ],
    [
      'no node fits',
      pod({
        phase: 'Pending',
        conditions: [
          {
            type: 'PodScheduled',
            status: 'False',
            reason: 'Unschedulable',
            message: '0/3 nodes are available:\n 3 Insufficient nvidia.com/gpu.',
          },
        ],
      }),
      false,
      /waits for a node: 0\/3 nodes are available: 3 Insufficient nvidia\.com\/gpu\. Ask for less/,
    ],
    [
      'it was evicted',
      pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory. ' }),
      false,
      /was evicted: The node was low on resource: memory\. Give resources\.memory/,
    ],
    [
      'it had too little memory',
      pod({ phase: 'Running', containerStatuses: [{ restartCount: 1, state: { running: {} }, lastState: oom }] }),
      false,
      /\(worker-1\) used more memory than it may have/,
    ],
    [
      'it has too little memory every time',
      pod(waiting('CrashLoopBackOff', 'back-off', { restartCount: 9, lastState: oom })),
      false,
      /used more memory.*\(9 restarts/,
    ],
    [
      'a worker ends again and again',
      pod(waiting('CrashLoopBackOff', 'back-off', { restartCount: 9, lastState: { terminated: { exitCode: 1 } } })),
      false,
      /ended with exit code 1 \(9 restarts; gantry launch logs/,
    ],
    [
      'the coordinator ends again',
      pod(waiting('CrashLoopBackOff', 'back-off', { restartCount: 2, lastState: { terminated: { exitCode: 1 } } }), {
        component: 'coordinator',
      }),
      false,
      /small-coordinator-abcde ended with exit code 1/,
    ],
    [
      'the coordinator ends again and again',
      pod(waiting('CrashLoopBackOff', 'back-off', { restartCount: 4, lastState: { terminated: { exitCode: 1 } } }), {
        component: 'coordinator',
      }),
      true,
      /small-coordinator-abcde ended with exit code 1/,
    ],
    [
      'the image is no Gantry',
      pod({
        containerStatuses: [
          { state: { terminated: { reason: 'StartError', exitCode: 128, message: 'exec: "worker": not found' } } },
        ],
      }),
      true,
      /exec: "worker": not found\. Is image one of Gantry's/,
    ],
    [
      'it cannot be started',
      pod(waiting('RunContainerError', 'oops')),
      false,
      /kubectl describe pod small-worker-1-x7k2p/,
    ],
  ])('%s', (_, item, isOver, expected) => {
    expect(health(JOB, item)).toEqual({ isOver, problem: expect.stringMatching(expected) });
    expect(health(JOB, item).problem).not.toMatch(/\n/);
  });

  it('the worst first', () => {
    const slow = pod({ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] });
    expect(health(JOB, slow, pod(waiting('ImagePullBackOff')))).toMatchObject({ isOver: true });
  });

  it('Kubernetes has given up', () => {
    const failed = OVER('Failed', { reason: 'BackoffLimitExceeded', message: 'Job has reached the limit' });
    expect(health(failed)).toEqual({
      isOver: true,
      problem: 'Kubernetes has given up small-coordinator (BackoffLimitExceeded); gantry launch logs may tell why',
    });
    expect(health(failed, pod({ phase: 'Failed', reason: 'Evicted', message: 'disk' })).problem).toMatch(
      /BackoffLimitExceeded\): .*evicted: disk/,
    );
    const workers = { ...failed, metadata: { name: 'small-worker' } };
    expect(health(JOB, workers)).toMatchObject({
      isOver: true,
      problem: expect.stringMatching(/given up small-worker/),
    });
  });
});
