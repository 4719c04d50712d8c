import { coordinatorArguments } from '../parts.js';
import { COORDINATOR_GRACE_S, COORDINATOR_RESOURCES, COORDINATOR_RESTARTS, PATHS } from './constants.js';
import { componentLabels, namesOf, objectLabels } from './names.js';
import type { KubernetesCluster, KubernetesObject } from './objects.js';
import { podTemplate } from './pod.js';
import { claimName, runsFolder } from './storage.js';

/** Its only pod begins the run, or goes on with it where its predecessor left it. */
export function coordinatorJob(cluster: KubernetesCluster): KubernetesObject {
  const names = namesOf(cluster);
  const args = coordinatorArguments({
    settings: `${PATHS.config}/gantry.yaml`,
    out: cluster.out,
    bind: `tcp://0.0.0.0:${cluster.port}`,
    keys: PATHS.keys,
  });
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: names.coordinator,
      namespace: cluster.kubernetes.namespace,
      labels: objectLabels(componentLabels(cluster, 'coordinator')),
    },
    spec: {
      backoffLimit: COORDINATOR_RESTARTS,
      // Never two at once.
      podReplacementPolicy: 'Failed',
      template: podTemplate(cluster, {
        component: 'coordinator',
        // By it a successor on another node knows whose lock it finds.
        hostname: names.coordinator,
        args,
        env: { GANTRY_HEALTH_FILE: PATHS.health },
        keys: names.coordinatorKeys,
        ...COORDINATOR_RESOURCES,
        gpus: 0,
        graceSeconds: COORDINATOR_GRACE_S,
        container: { ports: [{ name: 'control', containerPort: cluster.port }], ...probes(cluster.port) },
        // To move it would end the run, if in good order.
        annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
        volumes: [
          {
            volume: { name: 'config', configMap: { name: names.config } },
            mount: { mountPath: PATHS.config, readOnly: true },
          },
          {
            volume: { name: 'runs', persistentVolumeClaim: { claimName: claimName(cluster) } },
            mount: { mountPath: runsFolder(cluster) },
          },
        ],
      }),
    },
  };
}

/**
 * It is ready when it listens. It is alive as long as its event loop turns: a coordinator that waits for workers, or for a slow
 * disk, is alive. Both wait until it listens for the first time, which a large data set may delay.
 */
function probes(port: number): Readonly<Record<string, unknown>> {
  const listens = { tcpSocket: { port } };
  return {
    startupProbe: { ...listens, periodSeconds: 2, failureThreshold: 300 },
    readinessProbe: { ...listens, periodSeconds: 10 },
    livenessProbe: {
      exec: { command: ['gantry', 'health'] },
      periodSeconds: 30,
      timeoutSeconds: 10,
      failureThreshold: 4,
    },
  };
}

/** Gives the coordinator its name. Its address is known as soon as it has one: workers try until it listens. */
export function coordinatorService(cluster: KubernetesCluster): KubernetesObject {
  const labels = componentLabels(cluster, 'coordinator');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: namesOf(cluster).coordinator,
      namespace: cluster.kubernetes.namespace,
      labels: objectLabels(labels),
    },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: labels,
      ports: [{ name: 'control', port: cluster.port, targetPort: 'control', protocol: 'TCP' }],
    },
  };
}
