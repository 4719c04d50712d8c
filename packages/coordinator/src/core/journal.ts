import type { JournalRecord } from './events.js';
import { type CoordinatorState, committedUpdate } from './state.js';

/** What must be known of a run after this moment, whatever happens to its coordinator. */
export function journalRecord(state: CoordinatorState): JournalRecord {
  const committed = state.members.length === 0 ? state.startUpdate : committedUpdate(state);
  return {
    generation: state.generation,
    committedUpdate: committed,
    checkpoint: state.saving.last,
    members: state.members.map(({ worker, host, shards }) => ({ worker, host, shards })),
  };
}
