import { shellQuote } from '@gantry/common';
import type { Cluster } from '../../cluster.js';
import type { LaunchContext, PlannedFile } from '../../plan.js';
import { coordinatorArguments, settingsFile } from '../parts.js';
import { jobOptions, taskOptions } from './options.js';

/** What the scripts of a job need to know. */
export interface JobScripts {
  readonly cluster: Cluster;
  readonly context: LaunchContext;
  /** Every worker that there is a key for. */
  readonly workers: readonly string[];
}

/** The scripts that run on the nodes: of the job, of its coordinator, and of a worker. */
export function jobFiles(scripts: JobScripts): PlannedFile[] {
  const { folder } = scripts.context;
  return [
    { path: `${folder}/job.sh`, text: jobScript(scripts) },
    { path: `${folder}/coordinator.sh`, text: coordinatorScript(scripts) },
    { path: `${folder}/worker.sh`, text: workerScript(scripts) },
  ];
}

/**
 * Where the coordinator listens. Each job has a port of its own, unless the file says which, for two jobs may share a node;
 * the address is that of the node that srun is called on, which every task is told.
 */
const BIND = 'tcp://$SLURM_LAUNCH_NODE_IPADDR:$GANTRY_PORT';

function jobScript({ cluster, context, workers }: JobScripts): string {
  const { port, environment, resources } = cluster;
  const tasks = taskOptions(resources).map(shellQuote).join(' ');
  const maxRestarts = cluster.run.settings.maxRestarts ?? 3;
  return `#!/bin/bash
# ${cluster.name}, written by gantry launch from ${cluster.path}: starts a step for the coordinator and one for each worker.
${jobOptions(cluster)
  .map((option) => `#SBATCH ${option}\n`)
  .join('')}#SBATCH --ntasks=${cluster.workers}
#SBATCH --requeue --open-mode=append --no-kill
#SBATCH --signal=B:TERM@${cluster.slurm!.warnSeconds}
cd ${shellQuote(context.folder)} || exit 1
if [ -e stopped ]; then exit 0; fi
${exports({
  ...environment,
  GANTRY_KEYS: cluster.keys!,
})}export GANTRY_PORT=${port === 0 ? '$((20000 + SLURM_JOB_ID % 10000))' : port}
names=(${workers.map(shellQuote).join(' ')})
worker_step="--exact ${tasks}"
max_restarts=${maxRestarts}
lock=${shellQuote(`${cluster.out}/coordinator.lock`)}
${JOB_BODY}`;
}

const JOB_BODY = `rm -rf ended given-up leaving
mkdir -p leaving
step="srun --no-kill --nodes=1 --ntasks=1 --input=none --open-mode=append"

# Slurm starts a job again when it has ended everywhere: nobody holds the lock of the node that it ran on before.
if [ "\${SLURM_RESTART_COUNT:-0}" -gt 0 ] && grep -qs "\\"hostname\\":\\"$(cat host)\\"" "$lock"; then rm -f "$lock"; fi
uname -n > host

# The node of each worker: as many on a node as it has tasks.
places=()
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
IFS=, read -ra shares <<< "$SLURM_TASKS_PER_NODE"
node=0
for share in "\${shares[@]}"; do
  # 2(x3): two tasks on each of three nodes.
  [[ $share =~ ^([0-9]+)(\\(x([0-9]+)\\))?$ ]]
  tasks=\${BASH_REMATCH[1]}
  times=\${BASH_REMATCH[3]:-1}
  for ((; times > 0; times--, node++)); do
    for ((task = 0; task < tasks; task++)); do places+=("\${nodes[node]}"); done
  done
done
pids=()

# It shares the first node with its workers (--overlap, and --mem=0: all of the memory that the job has there).
# Another one takes the place of a coordinator that was killed; the workers wait for it.
coordinator() {
  trap : TERM USR1
  local code
  for ((attempt = 0; ; attempt++)); do
    $step --overlap --mem=0 --gres=none --nodelist="$SLURMD_NODENAME" --job-name=coordinator --output=logs/coordinator.log sh coordinator.sh
    code=$?
    if [ $code -le 128 ] || [ -e stopped ] || [ $attempt -ge $max_restarts ]; then break; fi
    echo "the coordinator ended with $code; another takes over, and the workers wait for it" >&2
    sleep 1
  done
  echo $code > ended
}

# A worker that fails is started again, later every time.
worker() {
  trap : TERM USR1
  local index=$1 name=\${names[$1]} attempt=0 code
  while :; do
    GANTRY_WORKER=$name $step $worker_step --nodelist="\${places[index]}" --job-name="$name" --output="logs/$name.log" sh worker.sh
    code=$?
    if [ -e ended ] || [ -e stopped ]; then return; fi
    if [ -e "leaving/$name" ]; then
      rm -f "leaving/$name"
      if [ "$index" -lt "$(cat workers)" ]; then continue; fi
      return
    fi
    if [ $code = 0 ]; then return; fi
    if [ $attempt -ge $max_restarts ]; then
      echo "$name on \${places[index]} ended with $code. It was started $((attempt + 1)) times, and is given up" | tee -a given-up >&2
      return
    fi
    echo "$name on \${places[index]} ended with $code. It is started again" >&2
    sleep $((1 << attempt++))
  done
}

# A step that is about to start cannot be asked yet. Once: a second signal would end it at once.
ask_to_leave() {
  trap : TERM USR1
  until sh control.sh signal "$1" || [ ! -e "leaving/$1" ] || [ -e ended ]; do sleep 1; done
}

is_running() { [ -n "$1" ] && kill -0 "$1" 2> /dev/null; }

# As many workers as are wanted: the first ones in this job, the others in one of their own each.
fill() {
  local index wanted
  wanted=$(cat workers)
  for index in "\${!names[@]}"; do
    if [ "$index" -ge "\${#places[@]}" ]; then
      if [ "$index" -lt "$wanted" ]; then sh control.sh join "\${names[index]}"; else sh control.sh leave "\${names[index]}"; fi
    elif [ "$index" -lt "$wanted" ]; then
      if ! is_running "\${pids[index]}"; then
        worker "$index" &
        pids[index]=$!
      fi
    elif is_running "\${pids[index]}" && [ ! -e "leaving/\${names[index]}" ]; then
      : > "leaving/\${names[index]}"
      ask_to_leave "\${names[index]}" &
    fi
  done
}

trap fill USR1
trap 'sh control.sh signal coordinator' TERM
coordinator &
coordinator=$!
fill
while is_running $coordinator; do wait $coordinator; done
code=$(cat ended)
# They leave by themselves.
for ((second = 0; second < 20; second++)); do
  left=0
  for pid in "\${pids[@]}"; do if is_running "$pid"; then left=1; fi; done
  if [ $left = 0 ]; then break; fi
  sleep 1
done
if [ -e stopped ] || [ "$code" != 0 ]; then exit "$code"; fi
# It has saved and given way, at preemption or the end of its time: Slurm starts it again. Whoever ends in good order within
# the time of grace would count as done. One that somebody cancelled does not run any more.
case $(grep '^{"event":"done"' logs/coordinator.log | tail -n 1) in *'"interrupted":true'*) ;; *) exit 0 ;; esac
if [ "$(sh control.sh state)" = RUNNING ]; then
  scontrol requeue "$SLURM_JOB_ID"
  sleep 120 & wait
fi
`;

function coordinatorScript({ cluster, context }: JobScripts): string {
  const { out, keys, slurm } = cluster;
  const words = coordinatorArguments({ settings: settingsFile(cluster, context).path, out, keys, bind: '' });
  // The address is known there alone.
  const known = words.map((word) => (word === '' ? `"${BIND}"` : shellQuote(word))).join(' ');
  return `#!/bin/sh
echo "${BIND}" > endpoint
exec ${slurm!.command} ${known}
`;
}

function workerScript({ cluster, context }: JobScripts): string {
  return `#!/bin/sh
# In a job of its own: joined.
cd ${shellQuote(context.folder)} || exit 1
if [ "$1" = joined ]; then
  ${exports({ ...cluster.environment, GANTRY_KEYS: cluster.keys! }).trimEnd()}
  GANTRY_JOIN=$(cat endpoint)
  export GANTRY_JOIN
fi
exec ${cluster.slurm!.command} worker
`;
}

function exports(variables: Readonly<Record<string, string>>): string {
  const words = Object.entries(variables).map(([name, value]) => `${name}=${shellQuote(value)}`);
  return `export ${words.join(' ')}\n`;
}
