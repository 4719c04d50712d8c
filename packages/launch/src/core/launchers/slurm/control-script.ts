import { shellQuote } from '@gantry/common';
import { LEAVE_SECONDS } from '../../constants.js';
import type { PlannedFile } from '../../plan.js';
import type { JobScripts } from './job-script.js';
import { jobOptions } from './options.js';

/** How often Slurm is asked about a job that runs, and one that waits, in seconds. */
const ASK_SECONDS = 3;
const ASK_WAITING_SECONDS = 1;
/** What Slurm has to answer in, in seconds: a controller that starts anew is silent for some. */
const ANSWER_SECONDS = 20;
/** What a job whose run has ended needs to end by itself, in seconds. */
const END_SECONDS = 30;

/** What is done to a job from outside, by its id, which Slurm gives when it is submitted: it is kept in a file. */
export function controlFile({ cluster, context, workers }: JobScripts): PlannedFile {
  const nodes = cluster.slurm!.nodes === null ? [] : ['--nodes=1'];
  const text = `#!/bin/sh
# What gantry launch does to the job of ${cluster.name}: submit, follow, workers, logs, status, health, scale N, stop, remove.
cd ${shellQuote(context.folder)} || exit 1
workers=${cluster.workers}
names=${shellQuote(workers.join(' '))}
joined_options=${shellQuote([...jobOptions(cluster), ...nodes, '--ntasks=1'].join(' '))}
leave_seconds=${LEAVE_SECONDS}
end_seconds=${END_SECONDS}
answer_seconds=${ANSWER_SECONDS}
ask_seconds=${ASK_SECONDS}
ask_waiting_seconds=${ASK_WAITING_SECONDS}
${CONTROL_BODY}`;
  return { path: `${context.folder}/control.sh`, text };
}

const CONTROL_BODY = `
# Without a controller they would go on asking for minutes.
squeue() { timeout $answer_seconds squeue "$@"; }
scancel() { timeout $answer_seconds scancel "$@"; }

id_of() { cat "$1" 2> /dev/null; }

# PENDING, RUNNING, COMPLETING …; nothing: it has ended; UNKNOWN: Slurm does not answer.
state_of() {
  id=$(id_of "$1")
  if [ -z "$id" ]; then return; fi
  if told=$(squeue --noheader --format=%T --jobs="$id" 2>&1); then echo "$told"; return; fi
  case $told in *'Invalid job id'*) ;; *) echo UNKNOWN ;; esac
}

until_gone() {
  deadline=$(($(date +%s) + $2))
  while [ -n "$(state_of "$1")" ]; do
    if [ "$(date +%s)" -ge $deadline ]; then return 1; fi
    sleep 1
  done
}

step_of() {
  squeue --steps --noheader --jobs="$(id_of job)" --format='%i %j' | while read -r step name; do
    if [ "$name" = "$1" ]; then echo "$step"; fi
  done
}

# A step asked with SIGTERM ends in good order; scancel alone would kill it.
signal() {
  step=$(step_of "$1")
  if [ -n "$step" ]; then scancel --signal=TERM $step; else return 1; fi
}

# Of this launch: what the one before said is kept beside it.
begin_logs() {
  for log in logs/*.log; do if [ -e "$log" ]; then mv "$log" "$log.before"; fi; done
}

submit() {
  if [ -n "$(state_of job)" ]; then
    echo "job $(id_of job) of this launch is there: npx gantry launch stop ends it" >&2
    exit 1
  fi
  rm -rf job jobs stopped ended endpoint given-up
  mkdir jobs
  begin_logs
  echo "$workers" > workers
  id=$(sbatch --parsable --chdir=. --output=logs/job.log job.sh) || exit 1
  echo "\${id%%;*}" > job
}

# The coordinator's events, until the job has ended, or waits.
follow() {
  case $(state_of job) in
    PENDING | UNKNOWN) sleep $ask_waiting_seconds; return ;;
  esac
  trap 'kill $tail; exit' TERM
  tail -n +1 -F logs/coordinator.log 2> /dev/null & tail=$!
  while kill -0 $tail 2> /dev/null; do
    case $(state_of job) in '' | PENDING) break ;; esac
    sleep $ask_seconds & wait $!
  done
  # What was written last is on its way.
  sleep 1
  kill $tail 2> /dev/null
}

# Every line with the name of the file that it comes from in front.
named() {
  name=job
  while IFS= read -r line; do
    case $line in
      '==> logs/'*'.log <==') name=\${line#==> logs/}; name=\${name%.log <==} ;;
      *) printf '%s | %s\\n' "$name" "$line" ;;
    esac
  done
}

follow_workers() {
  trap 'trap - TERM; kill 0' TERM
  # A tail with nothing to write would not notice that its launcher was killed: the end of standard input tells.
  exec 3<&0
  { cat <&3 > /dev/null; kill 0; } &
  logs=logs/job.log
  for name in $names; do logs="$logs logs/$name.log"; done
  tail -n +1 -F $logs 2> /dev/null | named & wait
}

all_logs() {
  for log in logs/*.log; do
    if [ -e "$log" ]; then
      echo "==> $log <=="
      cat "$log"
    fi
  done | named
}

ids() { cat job jobs/* 2> /dev/null | tr '\\n' ',' | sed 's/,$//'; }

status() {
  squeue --jobs="$(ids)" --format='%.10i %.24j %.10T %.12M %.6D %R' 2> /dev/null || echo 'its job has ended'
  squeue --steps --noheader --jobs="$(id_of job)" --format='%.10i %.24j            %.12M        %N' 2> /dev/null
}

health() {
  id=$(id_of job)
  echo "job=$id"
  if [ -n "$id" ]; then scontrol --oneliner show job "$id" 2>&1; fi
  if [ -e ended ]; then echo "coordinator=$(cat ended)"; fi
  if [ -e given-up ]; then echo "given_up=$(head -n 1 given-up)"; fi
  echo "words=$(cat logs/job.log logs/coordinator.log 2> /dev/null | grep -v '^{' | grep -v '^srun: ' | tail -n 1)"
}

# In a job of its own, which waits for its place: the others train on.
join() {
  if [ -n "$(state_of "jobs/$1")" ]; then return; fi
  GANTRY_WORKER=$1
  export GANTRY_WORKER
  id=$(eval "sbatch --parsable $joined_options" --job-name="$1" --requeue --open-mode=append \\
    --chdir=. --output="logs/$1.log" worker.sh joined) || return
  echo "\${id%%;*}" > "jobs/$1"
}

leave() {
  case $(state_of "jobs/$1") in
    '') ;;
    RUNNING) scancel --batch --signal=TERM "$(id_of "jobs/$1")" ;;
    *) scancel "$(id_of "jobs/$1")" ;;
  esac
  rm -f "jobs/$1"
}

scale() {
  echo "$1" > workers.new && mv workers.new workers
  # A job that waits reads it when it starts.
  if [ "$(state_of job)" = RUNNING ]; then scancel --batch --signal=USR1 "$(id_of job)"; fi
}

stop() {
  : > stopped
  case $(state_of job) in
    '') return ;;
    RUNNING) signal coordinator || scancel "$(id_of job)" ;;
    *) scancel "$(id_of job)" ;;
  esac
  until_gone job $leave_seconds
}

remove() {
  : > stopped
  # A run that has ended ends its job by itself.
  case $(grep '^{' logs/coordinator.log 2> /dev/null | tail -n 1) in
    '{"event":"done"'* | '{"event":"error"'*) until_gone job $end_seconds ;;
  esac
  for job in job jobs/*; do if [ -n "$(state_of "$job")" ]; then scancel "$(id_of "$job")"; fi; done
  for job in job jobs/*; do until_gone "$job" $leave_seconds; done
  rm -rf jobs
}

case $1 in
  submit | follow | status | health | stop | remove) "$1" ;;
  join | leave | signal | scale) "$1" "$2" ;;
  workers) follow_workers ;;
  logs) all_logs ;;
  state) state_of job ;;
esac
`;
