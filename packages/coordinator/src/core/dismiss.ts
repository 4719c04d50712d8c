import type { Draft, LocalProcess, MemberState } from './state.js';
import { patch, send } from './state.js';

export function setProcess(draft: Draft, worker: string, process: LocalProcess): void {
  patch(draft, { processes: new Map(draft.state.processes).set(worker, process) });
}

/** It may go: Bye, and its end is no loss. */
export function dismiss(draft: Draft, member: MemberState): void {
  send(draft, member, { kind: 'bye' });
  if (member.local) {
    setProcess(draft, member.worker, { attempt: nextAttempt(draft, member.worker), over: true, startedMs: null });
  }
  const { members, suspicion } = draft.state;
  patch(draft, {
    members: members.filter(({ worker }) => worker !== member.worker),
    suspicion: suspicion?.worker === member.worker ? null : suspicion,
  });
}

function nextAttempt(draft: Draft, worker: string): number {
  return (draft.state.processes.get(worker)?.attempt ?? 0) + 1;
}
