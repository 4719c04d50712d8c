import { type Envelope, encodeEnvelope, type Hello, type Message } from '@gantry/common';
import type { CoordinatorState, MemberState } from '../core/state.js';

/** What became of a message on an encrypted link: it goes on, perhaps under the sender's right name, or it is refused. */
export type Identified = { readonly envelope: Envelope } | { readonly refusal: string };

/**
 * Holds a message to the key it is bound to, `name` on the allow-list: nobody joins under another's name, speaks in another's
 * session, or ends it by coming back as its owner. A session is one connection's; this finds those that were captured.
 */
export function identify(
  state: CoordinatorState,
  { peer, name }: { peer: string; name: string },
  envelope: Envelope,
): Identified {
  const { body } = envelope;
  if (body.kind === 'hello') return identifyHello(state, name, { ...envelope, body });
  const session = sessionOf(body);
  const owner = ownerOf(state, session);
  if (owner === undefined || (owner.worker === name && owner.peer === peer)) return { envelope };
  return { refusal: `the session is that of another connection, of ${owner.worker}, and this one is of ${name}` };
}

/** A session that it says it had before is of a connection that has broken: its owner's name alone can be compared. */
function identifyHello(state: CoordinatorState, name: string, envelope: Envelope & { body: Hello }): Identified {
  const { body } = envelope;
  if (body.worker !== '' && body.worker !== name) {
    return {
      refusal: `the key is that of ${name}, not of ${body.worker}: leave --worker out, or use the key of ${body.worker}`,
    };
  }
  const former = ownerOf(state, body.formerSession);
  if (former !== undefined && former.worker !== name) {
    return { refusal: `the former session is that of ${former.worker}, and the key is that of ${name}` };
  }
  return { envelope: { ...envelope, body: { ...body, worker: name } } };
}

function ownerOf({ members }: CoordinatorState, session: string | undefined): MemberState | undefined {
  return members.find((member) => member.session === session);
}

function sessionOf(body: Message): string | undefined {
  return body.kind === 'heartbeat' || body.kind === 'joined' || body.kind === 'ready' ? body.session : undefined;
}

/** What a worker is told that has no right to be here, or none any more. */
export function refusalOf(runId: string, message: string): Uint8Array {
  const body = { kind: 'refused', code: 'GANTRY_AUTH_REFUSED', message } as const;
  return encodeEnvelope({ runId, generation: 0, update: 0, body });
}
