import type { RunStatusReport } from '@gantry/coordinator';
import { STALE_STATUS_MS } from './constants.js';
import { count, duration, rate } from './formats/numbers.js';

/** What `gantry status` and `gantry why` say of a run in the same words. */
export function line(label: string, text: string): string {
  return `${label.padEnd(13)}${text}`;
}

/** `1.2 s`, `3 min 20 s`: of a phase or a silence. */
export function span(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  return ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000);
}

/** Whether the run has come to an end that its coordinator knew of. */
export function hasEnded({ stage }: Pick<RunStatusReport, 'stage'>): boolean {
  return stage === 'done' || stage === 'stopped' || stage === 'failed';
}

/** In a word: the stage, unless the coordinator went without finishing or failing the run. */
export function headline(report: Pick<RunStatusReport, 'alive' | 'stage'>): string {
  return report.alive || hasEnded(report) ? report.stage : 'broken off';
}

export function standing({ step, steps, update, imagesPerSecond }: RunStatusReport): string {
  return `step ${count(step)} of ${count(steps)}, update ${count(update)}, ${rate(imagesPerSecond)}`;
}

/** @param nowMs Time of day, to say how old the report is. */
export function coordinatorOf(report: RunStatusReport, nowMs: number): string {
  const { alive, owner, endpoint, writtenAt } = report;
  const ageMs = nowMs - Date.parse(writtenAt);
  const who = `pid ${owner.pid} on ${owner.hostname}`;
  if (!alive && hasEnded(report)) return `ended about ${duration(ageMs / 1000)} ago (${who})`;
  if (!alive) return `gone since about ${duration(ageMs / 1000)} (${who})`;
  const silence = ageMs < STALE_STATUS_MS ? '' : `, but it has written nothing for ${duration(ageMs / 1000)}`;
  return `${who}, ${endpoint}${silence}`;
}

export function checkpointOf({ checkpoint }: RunStatusReport): string {
  return checkpoint === null ? 'none yet' : `step ${count(checkpoint.step)}, ${checkpoint.path}`;
}

/**
 * How to go on with a run that nobody trains, where there is something left to train.
 * @param mayWait Workers that were started by hand may still be there.
 */
export function remediesOf(
  report: RunStatusReport,
  { mayWait }: { mayWait: boolean } = { mayWait: true },
): { readonly command: string; readonly what: string }[] {
  const { alive, step, steps, checkpoint, resumeCommand, takeOverCommand, generation } = report;
  if (alive || report.stage === 'done' || step >= steps) return [];
  const isBrokenOff = !hasEnded(report);
  // Nothing is written that a run could go on from.
  if (checkpoint === null && generation === 0) return [];
  const from = checkpoint === null ? 'from the beginning: nothing was saved' : `from step ${count(checkpoint.step)}`;
  return [
    ...(isBrokenOff && mayWait && takeOverCommand !== null
      ? [{ command: takeOverCommand, what: 'with the workers that wait for it' }]
      : []),
    { command: resumeCommand, what: from },
  ];
}
