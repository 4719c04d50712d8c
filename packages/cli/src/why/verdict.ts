import type { RunStatusReport } from '@gantry/coordinator';
import { LONG_PHASE_MS } from '../constants.js';
import { hasEnded, span } from '../run-words.js';
import type { ProcessWord } from './processes.js';

/** Phases in which a member waits for others: it is never the one that holds the run up. */
const WAITING: ReadonlySet<string> = new Set(['ready', 'gathering', 'committing', 'stopped']);
/** Of a lease: two heartbeats of six. Who has missed them is not where it last told. */
const SILENT_LEASES = 1 / 3;
/** Before training a lease counts so many times. */
const STARTING_LEASES = 4;

export type Member = RunStatusReport['members'][number] & { readonly process: ProcessWord };

/** Whom a run waits or waited for, and what is known of it. */
export interface Suspect {
  readonly worker: string;
  readonly because: string;
}

/**
 * Whom the others wait for. A process that is stopped or silent comes before one that only takes long; nobody, where the run
 * has ended: its error says why.
 */
export function suspectsOf(report: RunStatusReport, members: readonly Member[]): Suspect[] {
  if (hasEnded(report)) return [];
  const silent = members.filter(({ process, silentMs }) => process === 'suspended' || silentMs > silenceMsMax(report));
  const slow = members.filter(({ phase, phaseMs }) => !WAITING.has(phase) && phaseMs > LONG_PHASE_MS);
  const told = (silent.length > 0 ? silent : slow).map((member) => ({
    worker: member.worker,
    because: silent.length > 0 ? silence(member) : `has been ${where(member)}`,
  }));
  return [...told, ...missing(report)];
}

/** Who loads libraries or compiles may be silent for longer. */
function silenceMsMax({ stage, leaseMs }: RunStatusReport): number {
  return SILENT_LEASES * leaseMs * (stage === 'training' ? 1 : STARTING_LEASES);
}

function silence(member: Member): string {
  const { process, silentMs, pid } = member;
  const heard = `not heard of for ${span(silentMs)}; last ${where(member)}`;
  return process === 'suspended' ? `is stopped (kill -CONT ${pid} lets it go on), ${heard}` : heard;
}

/** `in phase computing of update 81, for 1.2 s`. */
export function where({ phase, workingUpdate, phaseMs }: Pick<Member, 'phase' | 'workingUpdate' | 'phaseMs'>): string {
  return `in phase ${phase} of update ${workingUpdate}, for ${span(phaseMs)}`;
}

/** Local workers that are no members at the moment. */
function missing({ absent, alive }: RunStatusReport): Suspect[] {
  const tense = alive ? 'is' : 'was';
  return absent.map(({ worker, attempt, over }) => {
    if (over) return { worker, because: `${tense} not started again, or has left` };
    return { worker, because: attempt === 0 ? 'had not reported' : `${tense} being started again (time ${attempt})` };
  });
}
