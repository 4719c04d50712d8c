import { type AllreduceBenchOptions, type AllreduceRow, type BenchHost, benchAllreduce } from '@gantry/collective';
import type { Limit, Network } from '../support/namespaces.js';

export interface Link {
  readonly name: string;
  /** Null: as fast as it comes. */
  readonly limit: Limit | null;
}

export const GIGABIT: Link = { name: '1 Gbit/s', limit: { rate: '1gbit', burst: '512kb' } };
export const UNLIMITED: Link = { name: 'unlimited', limit: null };

/** Runs something while the links of all hosts are limited. */
export async function withLink<T>(network: Network, hosts: number, link: Link, run: () => Promise<T>): Promise<T> {
  const each = (act: (host: number) => void): void => {
    if (link.limit !== null) for (let host = 0; host < hosts; host++) act(host);
  };
  each((host) => network.limit(host, link.limit!));
  try {
    return await run();
  } finally {
    each((host) => network.unlimit(host));
  }
}

/** Times of the all-reduce between hosts, by size. */
export async function timesBetween(
  network: Network,
  how: Pick<AllreduceBenchOptions, 'workers' | 'bytes'> & Partial<AllreduceBenchOptions>,
): Promise<AllreduceRow[]> {
  const members = how.workers + (how.topology === 'star' ? 1 : 0);
  const hosts = Array.from({ length: members }, (_, host): BenchHost => {
    return { within: network.within(host), address: network.address(host) };
  });
  return benchAllreduce({
    ...{
      transport: 'tcp',
      topology: 'direct',
      wire: 'fp32',
      sumModule: import.meta.resolve('@gantry/engine'),
    },
    ...how,
    hosts,
  });
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
