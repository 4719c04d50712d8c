import { shellQuote } from '@gantry/common';
import type { Cluster, Resources } from '../../cluster.js';

const BYTES_PER_MIB = 2 ** 20;

/** Options of `sbatch` for any job of the cluster, quoted as both a shell and a line of #SBATCH want it. */
export function jobOptions({ slurm, resources, name }: Cluster): string[] {
  const { partition, account, qos, time, nodes, options } = slurm!;
  const given = Object.entries({ partition, account, qos, time }).flatMap(([option, value]) =>
    value === null ? [] : [`--${option}=${shellQuote(value)}`],
  );
  return [
    `--job-name=${name}`,
    ...given,
    ...(nodes === null ? [] : [`--nodes=${nodes}`]),
    ...taskOptions(resources),
    ...options.map(quoteOption),
  ];
}

/** Of one worker: memory is counted by processor, as Slurm does. */
export function taskOptions({ cpus, memoryBytes, gpus }: Resources): string[] {
  const processors = Math.ceil(cpus ?? 1);
  return [
    `--cpus-per-task=${processors}`,
    ...(memoryBytes === null ? [] : [`--mem-per-cpu=${Math.ceil(memoryBytes / BYTES_PER_MIB / processors)}M`]),
    ...(gpus === 0 ? [] : [`--gpus-per-task=${gpus}`]),
  ];
}

function quoteOption(option: string): string {
  const [name, ...value] = option.split('=');
  return value.length === 0 ? option : `${name}=${shellQuote(value.join('='))}`;
}
