import type { CommandEntry } from '../command.js';

/** Every command, in the order of a user's way. None is loaded before it is called. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'train',
    summary: 'Train on this machine: a coordinator and its workers',
    load: async () => (await import('./train.js')).train,
  },
  {
    name: 'resume',
    summary: 'Go on with a run from its last checkpoint',
    load: async () => (await import('./resume.js')).resume,
  },
  {
    name: 'generate',
    summary: 'Make samples from a checkpoint',
    load: async () => (await import('./generate.js')).generate,
  },
  {
    name: 'status',
    summary: 'Who takes part in a run, and how far it is',
    load: async () => (await import('./status.js')).status,
  },
  {
    name: 'why',
    summary: 'Why a run is as it is: what each worker was last doing, who was lost',
    load: async () => (await import('./why.js')).why,
  },
  {
    name: 'coordinator',
    summary: 'Only the coordinator; workers are started by hand',
    load: async () => (await import('./coordinator.js')).coordinator,
  },
  {
    name: 'worker',
    summary: 'One worker that joins a coordinator',
    load: async () => (await import('./worker.js')).worker,
  },
  {
    name: 'launch',
    summary: 'Start a cluster from a file: this machine, ssh, Slurm, Docker, Kubernetes',
    load: async () => (await import('./launch.js')).launch,
  },
  {
    name: 'keygen',
    summary: 'Make the keys of a coordinator and its workers',
    load: async () => (await import('./keygen.js')).keygen,
  },
  {
    name: 'doctor',
    summary: 'What this machine has, lacks, and would use',
    load: async () => (await import('./doctor.js')).doctor,
  },
  {
    name: 'health',
    summary: 'Whether the coordinator or worker of this container is well, for health checks',
    load: async () => (await import('./health.js')).health,
  },
  {
    name: 'bench',
    summary: 'Measure training or the all-reduce',
    load: async () => (await import('./bench.js')).bench,
  },
  {
    name: 'schema',
    summary: 'JSON Schema of gantry.yaml; or what the columns of a table are',
    load: async () => (await import('./schema.js')).schema,
  },
];
