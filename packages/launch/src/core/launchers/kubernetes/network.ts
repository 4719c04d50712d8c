import { objectLabels, runLabels } from './names.js';
import type { KubernetesCluster, KubernetesObject } from './objects.js';

/** Only pods of this run reach its pods, and they reach nobody else: data goes from worker to worker, at ports that the system chooses. */
export function networkPolicy(cluster: KubernetesCluster): KubernetesObject {
  const own = [{ podSelector: { matchLabels: runLabels(cluster) } }];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: cluster.name,
      namespace: cluster.kubernetes.namespace,
      labels: objectLabels(runLabels(cluster)),
    },
    spec: {
      podSelector: { matchLabels: runLabels(cluster) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: own }],
      // Names are resolved by pods of the system, or by an address of the node: clusters differ.
      egress: [
        { to: own },
        {
          ports: [
            { protocol: 'UDP', port: 53 },
            { protocol: 'TCP', port: 53 },
          ],
        },
      ],
    },
  };
}
