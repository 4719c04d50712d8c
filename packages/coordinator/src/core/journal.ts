import type { JournalRecord } from './events.js';
import { activeMembers, type CoordinatorState, committedUpdate } from './state.js';

/** What must be known of a run after this moment, whatever happens to its coordinator. */
export function journalRecord(state: CoordinatorState): JournalRecord {
  return {
    generation: state.generation,
    committedUpdate: committedUpdate(state),
    checkpoint: state.saving.last,
    members: activeMembers(state).map(({ worker, host, shards }) => ({ worker, host, shards })),
    distrusted: state.verification.distrusted,
  };
}
