import { expect, it } from 'vitest';
import { diagnoseSlurm } from './diagnose.js';

/** What `control.sh health` prints of a job. */
function health(state: string, reason = 'None', more = ''): string {
  return `job=7\nJobId=7 JobName=small Priority=1 JobState=${state} Reason=${reason} Requeue=1\n${more}`;
}

it.each([
  ['runs', health('RUNNING'), false, null],
  ['ends just now', health('COMPLETING'), false, null],
  ['was just submitted', health('PENDING'), false, null],
  ['has no nodes yet', health('PENDING', 'Resources'), false, /job 7 waits for nodes that are free \(Resources\)/],
  ['is in a partition that is down', health('PENDING', 'PartitionDown'), false, /which is down: scontrol show part/],
  ['has an account at its limit', health('PENDING', 'QOSMaxJobsPerUserLimit'), false, /limit of its account or QOS/],
  ['gave way', health('PENDING', 'BeginTime'), false, /waits for Slurm to start it again/],
  ['waits for what we do not know', health('PENDING', 'Whatever'), false, /waits to be started \(Whatever\)/],
  ['asks for too much time', health('PENDING', 'PartitionTimeLimit'), true, /can never start .*lower slurm\.time/],
  ['is suspended', health('SUSPENDED'), false, /scontrol resume 7/],
  ['lost its node', health('NODE_FAIL'), true, /job 7 lost a node: gantry launch goes on with the run/],
  ['was cancelled', health('CANCELLED'), true, /job 7 was cancelled/],
  ['came to its time', health('TIMEOUT'), true, /give it more by slurm\.time/],
  [
    'does not find Gantry',
    health('FAILED', 'NonZeroExitCode', 'coordinator=127\nwords=coordinator.sh: 3: exec: gantry: not found\n'),
    true,
    /did not find Gantry on its node: coordinator\.sh: 3: exec: gantry: not found; say in slurm\.command/,
  ],
  [
    'failed otherwise',
    health('FAILED', 'NonZeroExitCode', 'coordinator=1\nwords=out of luck\n'),
    true,
    /job 7 ended: its coordinator ended with 1: out of luck/,
  ],
  ['is forgotten', 'job=7\nslurm_load_jobs error: Invalid job id specified\nwords=\n', true, /has forgotten it/],
  ['cannot be asked about', 'job=7\nUnable to contact slurm controller\n', false, /says nothing .*Unable to contact/],
  ['is not there', 'job=\nwords=\n', true, /has no job/],
])('knows that a job %s', (_, output, isOver, problem) => {
  const found = diagnoseSlurm(output);
  expect(found.isOver).toBe(isOver);
  if (problem === null) expect(found.problem).toBeNull();
  else expect(found.problem).toMatch(problem);
});
