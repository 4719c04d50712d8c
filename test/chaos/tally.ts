import { FAMILIES, type Family } from './faults.js';
import type { FaultReport } from './run.js';

/** What came of the faults of all runs. */
export class Tally {
  readonly #reports: FaultReport[] = [];

  add(report: FaultReport): void {
    this.#reports.push(report);
  }

  get inflicted(): number {
    return this.#done.length;
  }

  /** Families of which no fault has done anything yet. */
  missing(lacking: ReadonlySet<Family>): Family[] {
    const seen = new Set<Family>(this.#done.map(({ fault }) => FAMILIES[fault.kind]));
    return [...new Set(Object.values(FAMILIES))].filter((family) => !seen.has(family) && !lacking.has(family));
  }

  tell(runs: number): void {
    const idle = this.#reports.filter(({ inflicted }) => !inflicted);
    const recoveries = this.#reports.flatMap(({ recoveryMs }) => recoveryMs ?? []).sort((a, b) => a - b);
    const at = (share: number): string =>
      ((recoveries[Math.floor(share * (recoveries.length - 1))] ?? 0) / 1000).toFixed(2);
    process.stderr.write(`${this.inflicted} faults in ${runs} runs; ${idle.length} more did nothing\n`);
    process.stderr.write(`kinds: ${countsOf(this.#done)}\n`);
    for (const { fault, done } of idle) process.stderr.write(`  did nothing: ${fault.kind}: ${done}\n`);
    process.stderr.write(`recovery: median ${at(0.5)} s, 9 of 10 within ${at(0.9)} s, longest ${at(1)} s\n`);
  }

  get #done(): FaultReport[] {
    return this.#reports.filter(({ inflicted }) => inflicted);
  }
}

/** Each kind, and how often it was played. */
function countsOf(reports: readonly FaultReport[]): string {
  const counts = new Map<string, number>();
  for (const { fault } of reports) counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${kind} ${count}`).join(', ');
}
