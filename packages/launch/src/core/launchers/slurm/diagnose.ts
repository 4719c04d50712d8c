import type { Health } from '../../plan.js';

/** Why a job waits, for people. */
const WAITS: Readonly<Record<string, string>> = {
  Resources: 'for nodes that are free',
  Priority: 'behind jobs of a higher priority',
  BeginTime: 'for Slurm to start it again',
  Dependency: 'for another job',
  PartitionDown: 'for its partition, which is down: scontrol show partition',
  PartitionInactive: 'for its partition, which is inactive: scontrol show partition',
  JobHeldUser: 'because it is held: scontrol release lets it go',
  JobHeldAdmin: 'because an administrator holds it, or it could not be started: scontrol show job says more',
};

/** Reasons that time does not mend, and what does. */
const NEVER: Readonly<Record<string, string>> = {
  PartitionNodeLimit: 'its partition has not as many nodes: ask for fewer workers or another slurm.partition',
  PartitionTimeLimit: 'its partition does not give as much time: lower slurm.time',
  BadConstraints: 'no node is as it asks for: look at resources and slurm.options',
  InvalidAccount: 'slurm.account is not known',
  InvalidQOS: 'slurm.qos is not known',
};

const ENDINGS: Readonly<Record<string, string>> = {
  CANCELLED: 'was cancelled',
  TIMEOUT: 'came to the end of its time: give it more by slurm.time; gantry launch goes on with the run',
  NODE_FAIL: 'lost a node: gantry launch goes on with the run',
  OUT_OF_MEMORY: 'was out of memory: give it more by resources.memory',
  PREEMPTED: 'had to give way: gantry launch goes on with the run',
  BOOT_FAIL: 'could not be started: its nodes do not boot',
  DEADLINE: 'came to its deadline',
};
/** A shell's code for a command that it does not find. */
const NOT_FOUND = '127';

/** What `control.sh health` printed: the job's id, what Slurm knows of it, how the coordinator ended, and the last words. */
export function diagnoseSlurm(output: string): Health {
  const field = (name: string): string => new RegExp(`(?:^|\\s)${name}=(\\S*)`, 'm').exec(output)?.[1] ?? '';
  const words = /^words=(.*)$/m.exec(output)?.[1]?.trim() ?? '';
  const job = field('job');
  const state = field('JobState');
  if (job === '') return { isOver: true, problem: 'it has no job: it was not submitted, or its folder was removed' };
  if (state === '') {
    if (/Invalid job id/.test(output)) return over(job, 'has ended, and Slurm has forgotten it', words);
    return { isOver: false, problem: `Slurm says nothing of job ${job}: ${firstLineOf(output)}` };
  }
  if (state === 'PENDING') return pending(job, field('Reason'));
  if (state === 'SUSPENDED') return { isOver: false, problem: `job ${job} is suspended: scontrol resume ${job}` };
  if (ENDINGS[state] !== undefined) return { isOver: true, problem: `job ${job} ${ENDINGS[state]}` };
  if (state === 'FAILED' || state === 'COMPLETED') return failed(job, field('coordinator'), words);
  return { isOver: false, problem: null, givenUp: /^given_up=(.+)$/m.exec(output)?.[1] };
}

function pending(job: string, reason: string): Health {
  if (reason === 'None' || reason === '') return { isOver: false, problem: null };
  const never = NEVER[reason];
  if (never !== undefined) return { isOver: true, problem: `job ${job} can never start (${reason}): ${never}` };
  const limit = /^(QOS|Assoc)/.test(reason) ? 'for a limit of its account or QOS' : 'to be started';
  return { isOver: false, problem: `job ${job} waits ${WAITS[reason] ?? limit} (${reason})` };
}

function failed(job: string, code: string, words: string): Health {
  if (code === NOT_FOUND) {
    const remedy = 'say in slurm.command how Gantry is called on the nodes';
    return { isOver: true, problem: `job ${job} did not find Gantry on its node: ${words}; ${remedy}` };
  }
  return over(job, code === '' ? 'ended' : `ended: its coordinator ended with ${code}`, words);
}

function over(job: string, how: string, words: string): Health {
  return { isOver: true, problem: words === '' ? `job ${job} ${how}` : `job ${job} ${how}: ${words}` };
}

function firstLineOf(output: string): string {
  return output.split('\n').find((line) => line !== '' && !/^(job|words)=/.test(line)) ?? 'no answer';
}
