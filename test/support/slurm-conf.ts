export interface SlurmSettings {
  /** Where all of its files are. */
  readonly folder: string;
  readonly controllerAddress: string;
  readonly nodes: readonly { readonly name: string; readonly address: string }[];
  /** What a preempted job gets from SIGTERM to SIGKILL; 0: `killWaitSeconds`. */
  readonly graceSeconds: number;
  /** What every other job gets. */
  readonly killWaitSeconds: number;
}

/** As many steps and tasks as the tests like: nobody looks what the machine really has. */
const CPUS = 8;
const MEMORY_MIB = 16_384;
/** Devices that play GPUs: Slurm counts them, gives them out, and says so in CUDA_VISIBLE_DEVICES. */
const GPUS = 2;

/**
 * A cluster with two partitions of the same nodes: a job in `urgent` preempts those in `train`, which are put back into the
 * queue. See slurm.conf(5) for each word.
 */
export function slurmConf(settings: SlurmSettings): string {
  const { folder, nodes, graceSeconds } = settings;
  const names = nodes.map(({ name }) => name).join();
  return [
    ...identity(settings),
    ...scheduling(settings),
    `StateSaveLocation=${folder}/state`,
    `SlurmdSpoolDir=${folder}/spool/%n`,
    `SlurmctldPidFile=${folder}/slurmctld.pid`,
    `SlurmdPidFile=${folder}/slurmd-%n.pid`,
    // No control groups, no accounting, no binding to processors.
    'ProctrackType=proctrack/pgid',
    'TaskPlugin=task/none',
    'JobAcctGatherType=jobacct_gather/none',
    'AccountingStorageType=accounting_storage/none',
    'MpiDefault=none',
    'SlurmdParameters=config_overrides',
    'GresTypes=gpu',
    ...nodes.map(
      ({ name, address }) =>
        `NodeName=${name} NodeHostname=${name} NodeAddr=${address} CPUs=${CPUS} RealMemory=${MEMORY_MIB} Gres=gpu:${GPUS}`,
    ),
    `PartitionName=train Nodes=${names} Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=${graceSeconds} MaxTime=1-0`,
    `PartitionName=urgent Nodes=${names} PriorityTier=10 PreemptMode=OFF`,
    '',
  ].join('\n');
}

/** gres.conf, and the names of the devices in it, which have to be there. */
export function gresConf(folder: string): { readonly text: string; readonly files: readonly string[] } {
  const files = Array.from({ length: GPUS }, (_, gpu) => `${folder}/gpu${gpu}`);
  return { text: `AutoDetect=off\nName=gpu File=${files.join()}\n`, files };
}

function identity({ folder, controllerAddress }: SlurmSettings): string[] {
  return [
    'ClusterName=gantry-test',
    `SlurmctldHost=localhost(${controllerAddress})`,
    'SlurmUser=root',
    'SlurmdUser=root',
    'AuthType=auth/munge',
    'CredType=cred/munge',
    // A job that is put back waits for as long as its old credential lasts: two minutes, unless told otherwise; 5 is the least.
    `AuthInfo=socket=${folder}/munge/socket,cred_expire=5`,
  ];
}

function scheduling({ killWaitSeconds }: SlurmSettings): string[] {
  return [
    // Processors and memory, not whole nodes.
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_CPU_Memory',
    `DefMemPerCPU=${MEMORY_MIB / CPUS}`,
    'SchedulerType=sched/builtin',
    'SchedulerParameters=sched_interval=1,sched_min_interval=0',
    'PreemptType=preempt/partition_prio',
    'PreemptMode=REQUEUE',
    'JobRequeue=1',
    `KillWait=${killWaitSeconds}`,
    // A node that is set down, or was, stays so until it is resumed.
    'ReturnToService=0',
    'SlurmdTimeout=10',
  ];
}
