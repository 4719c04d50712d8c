import { shellQuote } from '@gantry/common';
import type { Check, Command, LaunchPlan, PlannedFile, PlannedProcess } from './plan.js';

/** What `--dry-run` prints: every file and every command, in the order in which they are written and run. */
export function printPlan(plan: LaunchPlan, workers: number): string {
  const sections =
    plan.kind === 'attached'
      ? [
          ...plan.checks.map(printCheck),
          printProcess(plan.coordinator),
          ...plan.places.slice(0, workers).map(printProcess),
        ]
      : [
          ...plan.checks.map(printCheck),
          ['# start', ...plan.start.map(printCommand)],
          ['# its events', printCommand(plan.coordinatorOutput)],
          ['# its workers', printCommand(plan.workerOutput)],
          ['# when it is stopped', ...plan.stop.map(printCommand)],
          ['# at the end', ...plan.remove.map(printCommand)],
        ];
  return [...plan.files.map(printFile), ...sections.map((lines) => lines.join('\n'))].join('\n\n');
}

function printFile({ path, text }: PlannedFile): string {
  return `# file ${path}\n${text.trimEnd()}`;
}

function printCheck({ what, command, expects }: Check): string[] {
  return [`# check: ${what}${expects === undefined ? '' : ` (has to print ${expects})`}`, printCommand(command)];
}

function printProcess({ name, place, command }: PlannedProcess): string[] {
  return [`# ${name}, on ${place}`, printCommand(command)];
}

/** As a person would type it. */
export function printCommand({ argv, env = {}, cwd, stdin }: Command): string {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${shellQuote(value)}`);
  const words = [...variables, ...argv.map(shellQuote)].join(' ');
  const fed = stdin === undefined ? words : `cat ${stdin.files.map(shellQuote).join(' ')} | ${words}`;
  return cwd === undefined ? fed : `cd ${shellQuote(cwd)} && ${fed}`;
}
