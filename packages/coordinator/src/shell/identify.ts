import { type Envelope, encodeEnvelope, type Message } from '@gantry/common';
import type { CoordinatorState } from '../core/state.js';

/** What became of a message on an encrypted link: it goes on, perhaps under the sender's right name, or it is refused. */
export type Identified = { readonly envelope: Envelope } | { readonly refusal: string };

/**
 * Holds a message to the key it is bound to, `name` on the allow-list: nobody joins under another's name, or speaks in
 * another's session. A session is one connection's; this finds those that were captured.
 */
export function identify(
  state: CoordinatorState,
  { peer, name }: { peer: string; name: string },
  envelope: Envelope,
): Identified {
  const { body } = envelope;
  if (body.kind === 'hello') {
    if (body.worker === '') return { envelope: { ...envelope, body: { ...body, worker: name } } };
    if (body.worker === name) return { envelope };
    return {
      refusal: `the key is that of ${name}, not of ${body.worker}: leave --worker out, or use the key of ${body.worker}`,
    };
  }
  const session = sessionOf(body);
  const owner = state.members.find((member) => member.session === session);
  if (owner === undefined || (owner.worker === name && owner.peer === peer)) return { envelope };
  return { refusal: `the session is that of another connection, of ${owner.worker}, and this one is of ${name}` };
}

function sessionOf(body: Message): string | undefined {
  return body.kind === 'heartbeat' || body.kind === 'joined' || body.kind === 'ready' ? body.session : undefined;
}

/** What a worker is told that has no right to be here, or none any more. */
export function refusalOf(runId: string, message: string): Uint8Array {
  const body = { kind: 'refused', code: 'GANTRY_AUTH_REFUSED', message } as const;
  return encodeEnvelope({ runId, generation: 0, update: 0, body });
}
