import type { Cluster } from '../../core/cluster.js';
import { onHost, wordsOn } from '../../core/launchers/ssh.js';
import type { Command } from '../../core/plan.js';
import { addressOf, ownAddressTowards } from '../own-address.js';

/** A machine of a cluster, and how Gantry is called on it. */
export interface Site {
  readonly name: string;
  /** Where the others reach it. */
  readonly address: string;
  /** Runs Gantry there with these words. */
  gantry(...words: readonly string[]): Command;
  /** Runs something else there. */
  shell(script: string): Command;
}

/** This machine first, where the coordinator runs; then the hosts that the file names. */
export async function sitesOf(cluster: Cluster, own: readonly string[]): Promise<Site[]> {
  const { ssh } = cluster;
  const here: Site = {
    name: 'this machine',
    address: cluster.address ?? (ssh === null ? '127.0.0.1' : await ownAddressTowards(ssh)),
    gantry: (...words) => ({ argv: [...own, ...words] }),
    shell: (script) => ({ argv: ['sh', '-c', script] }),
  };
  const hosts = await Promise.all(
    (ssh?.hosts ?? []).map(
      async (host): Promise<Site> => ({
        name: host.host,
        address: host.address ?? (await addressOf(host.host, ssh!.configFile)),
        gantry: (...words) => onHost(host, ssh!.configFile, wordsOn(host, words)),
        shell: (script) => onHost(host, ssh!.configFile, script),
      }),
    ),
  );
  return [here, ...hosts];
}
