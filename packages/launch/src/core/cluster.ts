import type { Settings } from '@gantry/common/config';

export const LAUNCHERS = ['local', 'ssh', 'slurm', 'docker', 'kubernetes'] as const;
/** What starts the processes of a cluster. */
export type LauncherName = (typeof LAUNCHERS)[number];

/** A cluster file, checked, with every default filled in and every path absolute. */
export interface Cluster {
  /** Of the cluster file. */
  readonly path: string;
  /** Of jobs, containers and objects: a DNS label. */
  readonly name: string;
  readonly launcher: LauncherName;
  readonly run: RunSettings;
  /** The run directory, on the machine that the coordinator runs on. */
  readonly out: string;
  /** Worker processes to begin with. */
  readonly workers: number;
  /** Of each worker. */
  readonly resources: Resources;
  readonly environment: Readonly<Record<string, string>>;
  /** Folder that `gantry keygen` made; null: none, which only `local` may do without. */
  readonly keys: string | null;
  /** Where the coordinator listens. */
  readonly port: number;
  /** Address at which workers reach the coordinator; null: the launcher finds it. */
  readonly address: string | null;
  /** Docker and Kubernetes. */
  readonly image: string;
  readonly volumes: readonly Volume[];
  readonly ssh: SshSettings | null;
  readonly slurm: SlurmSettings | null;
  readonly kubernetes: KubernetesSettings | null;
}

/** What is trained: settings of `gantry.yaml`, given inline or by a file. */
export interface RunSettings {
  /** As in `gantry.yaml`; `workers`, `minWorkers` and `maxWorkers` are set too. */
  readonly settings: Settings;
}

export interface Resources {
  /** Processors; may be a fraction. */
  readonly cpus: number | null;
  readonly memoryBytes: number | null;
  readonly gpus: number;
  /** Size of /dev/shm, which holds state and gradients. */
  readonly sharedMemoryBytes: number;
}

export interface Volume {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface SshSettings {
  readonly hosts: readonly SshHost[];
  /** Configuration file of ssh; null: the user's own. */
  readonly configFile: string | null;
}

export interface SshHost {
  /** As ssh knows it. */
  readonly host: string;
  /** Workers it has room for. */
  readonly workers: number;
  /** By worker, the device it takes; empty: what the run's settings say. */
  readonly devices: readonly string[];
  /** How Gantry is called there. */
  readonly command: string;
  /** Folder to call it in; null: the home folder. */
  readonly directory: string | null;
  /** Address at which other workers reach those of this host; null: the one that it reaches the coordinator from. */
  readonly address: string | null;
}

export interface SlurmSettings {
  readonly partition: string | null;
  readonly account: string | null;
  readonly qos: string | null;
  /** As sbatch takes it: `1-12:00:00`. */
  readonly time: string | null;
  readonly nodes: number | null;
  /** How Gantry is called on the nodes. */
  readonly command: string;
  /** Further lines for `#SBATCH`. */
  readonly options: readonly string[];
  /** Seconds before the end of its time at which a job is told to save. */
  readonly warnSeconds: number;
}

export interface KubernetesSettings {
  readonly namespace: string;
  readonly serviceAccount: string | null;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  readonly gpuResource: string;
  /** Where runs lie: a claim that exists, or the size of one to be made. */
  readonly storage: { readonly claim: string | null; readonly size: string; readonly className: string | null };
  readonly nodeSelector: Readonly<Record<string, string>>;
}
