import { ENVELOPE_BYTES_MAX, SEALED_PART_BYTES_MAX } from '@gantry/common';
import { Sealer, workerSealKey } from '@gantry/common/keys';
import { Dealer } from 'zeromq';
import { HANDSHAKE_MS, LINGER_MS } from '../constants.js';
import type { ControlThreadData } from './control-messages.js';
import type { MessageSink } from './outbox.js';

/** Codes of a handshake that ended because the two ends do not protect the link in the same way. */
const OTHER_SECURITY = new Set(['ERR_ZMTP_MECHANISM_MISMATCH', 'ERR_ZMTP_CRYPTOGRAPHIC']);

export interface ControlConnection {
  readonly socket: Dealer;
  readonly sink: MessageSink;
  /** What to say if no answer came. */
  silence(): string;
}

/**
 * Connects to the coordinator; with keys the link is encrypted, ends at the holder of the server's key alone, and every message
 * bears the seal of this worker's key.
 *
 * @param onRefused The coordinator was reached and does not take this worker: trying again would not help.
 */
export function connectControl(
  { endpoint, keys }: Pick<ControlThreadData, 'endpoint' | 'keys'>,
  onRefused: (message: string) => void,
): ControlConnection {
  const socket = new Dealer({
    linger: LINGER_MS,
    maxMessageSize: ENVELOPE_BYTES_MAX,
    handshakeInterval: HANDSHAKE_MS,
    reconnectInterval: 50,
    reconnectMaxInterval: 500,
    ...(keys !== null && {
      curvePublicKey: keys.publicKey,
      curveSecretKey: keys.secretKey,
      curveServerKey: keys.serverKey,
    }),
  });
  socket.events.on('handshake:error:auth', () => onRefused(notListed(endpoint, keys?.name ?? '')));
  socket.events.on('handshake:error:protocol', ({ error }) => {
    if (OTHER_SECURITY.has(error.code ?? '')) onRefused(otherSecurity(endpoint, keys !== null));
  });
  let reached = false;
  socket.events.on('connect', () => {
    reached = true;
  });
  const silence = (): string => (reached && keys !== null ? otherKey(endpoint) : nobody(endpoint));
  socket.connect(endpoint);
  if (keys === null) return { socket, sink: socket, silence };
  const sealer = new Sealer(workerSealKey(keys), SEALED_PART_BYTES_MAX);
  return { socket, sink: { send: (message) => socket.send(sealer.seal(message)) }, silence };
}

function nobody(endpoint: string): string {
  return `nobody answers at ${endpoint}; is the coordinator running there?`;
}

/** Who does not hold the server's key does not answer at all. */
function otherKey(endpoint: string): string {
  return `who listens at ${endpoint} is not the coordinator that this key is for: is its --keys the folder that the key is from?`;
}

function notListed(endpoint: string, name: string): string {
  return `the coordinator at ${endpoint} refused the key of ${name}: add its line to the file "allowed" in the folder of keys there`;
}

function otherSecurity(endpoint: string, keyed: boolean): string {
  return keyed
    ? `the coordinator at ${endpoint} is started without keys, or with others: start it with --keys and the folder that this key is from`
    : `the coordinator at ${endpoint} takes only workers with keys: add --keys FILE, which gantry keygen made for this worker`;
}
