import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { CONTEXT, clusterOf } from '../../../testing/clusters.js';
import type { PlannedFile } from '../../plan.js';
import { planSlurm } from './index.js';

const file = {
  ...{ launcher: 'slurm', name: 'small', keys: 'keys', workers: 2, run: { preset: 'mlp', shards: 4, steps: 300 } },
  resources: { cpus: 1.5, memory: '3GiB', gpus: 1 },
  environment: { A: "it's" },
  slurm: {
    ...{ partition: 'gpu', account: 'lab', qos: 'low', time: '1-12:00:00', nodes: 2, warnSeconds: 90 },
    ...{ command: '~/my/gantry', options: ['--constraint=a100&b', '--exclusive'] },
  },
};

async function planned(settings: object = {}) {
  const plan = planSlurm(await clusterOf({ ...file, ...settings }), CONTEXT);
  const text = (name: string): string => plan.files.find(({ path }) => path.endsWith(`/${name}`))!.text;
  return { plan, text };
}

describe('launcher slurm', () => {
  it('asks Slurm for what the file says, and to be told before the end', async () => {
    const { text } = await planned();
    const options = [...text('job.sh').matchAll(/^#SBATCH (.*)$/gm)].map(([, option]) => option);
    expect(options).toEqual([
      ...['--job-name=small', '--partition=gpu', '--account=lab', '--qos=low', '--time=1-12:00:00', '--nodes=2'],
      ...['--cpus-per-task=2', '--mem-per-cpu=1536M', '--gpus-per-task=1'],
      ...["--constraint='a100&b'", '--exclusive', '--ntasks=2'],
      '--requeue --open-mode=append --no-kill',
      '--signal=B:TERM@90',
    ]);
  });

  it('gives each worker its share, and the coordinator none of the GPUs', async () => {
    const { text } = await planned();
    expect(text('job.sh')).toContain('worker_step="--exact --cpus-per-task=2 --mem-per-cpu=1536M --gpus-per-task=1"');
    expect(text('job.sh')).toMatch(/--overlap --mem=0 --gres=none .*sh coordinator\.sh/);
    expect(text('job.sh')).toContain(`export A='it'\\''s' GANTRY_KEYS=`);
    expect(text('worker.sh')).toContain('exec ~/my/gantry worker');
    expect(text('coordinator.sh')).toContain('--bind "tcp://$SLURM_LAUNCH_NODE_IPADDR:$GANTRY_PORT"');
  });

  it('has a port for each job, unless the file says which', async () => {
    expect((await planned()).text('job.sh')).toContain('export GANTRY_PORT=$((20000 + SLURM_JOB_ID % 10000))');
    expect((await planned({ port: 5555 })).text('job.sh')).toContain('export GANTRY_PORT=5555');
  });

  it('is scaled to as many workers as there are keys, and looks for the partition before', async () => {
    const { plan } = await planned();
    expect(plan.workersMax).toBe(4);
    expect(plan.scale({ current: 2, wanted: 4 })).toEqual([
      { argv: ['sh', '/work/run.launch/control.sh', 'scale', '4'] },
    ]);
    expect(plan.checks.map(({ what }) => what)).toEqual(['Slurm answers', 'partition gpu']);
    expect(plan.isStartedAgain).toBe(true);
  });

  it('writes scripts that shells can read', async () => {
    const { plan } = await planned();
    const scripts = plan.files.filter(({ path }) => path.endsWith('.sh'));
    expect(scripts).toHaveLength(4);
    for (const script of scripts) expect(syntaxProblem(script)).toBe('');
  });

  it('has no address of its own choice', async () => {
    await expect(clusterOf({ ...file, address: '198.18.0.1' })).rejects.toThrow(/address .*is that of the first node/);
  });
});

function syntaxProblem({ path, text }: PlannedFile): string {
  const shell = path.endsWith('job.sh') ? 'bash' : 'sh';
  try {
    execFileSync(shell, ['-n'], { input: text, stdio: 'pipe' });
    return '';
  } catch (error) {
    return String(error);
  }
}
