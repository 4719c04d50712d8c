import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { keyBytes, keyOf, sharedSecret } from './key-pair.js';

/**
 * What a worker puts in front of every control message: proof of the key it holds. ZeroMQ encrypts and admits; which key a
 * message came from it does not tell, and a peer may claim the routing id of another. docs/adr/0009 says why this is enough.
 *
 * 32 bytes public key, 8 bytes counter (big-endian, rising), 32 bytes HMAC-SHA256 over counter and message. Its key is shared
 * by the worker's CURVE key and the coordinator's (X25519, HKDF-SHA256), so that both can make it and nobody else.
 */
export const SEAL_BYTES = 72;
const COUNTER_AT = 32;
const TAG_AT = 40;
const INFO = 'gantry control seal 1';

/** One end's key for the seals of one worker. */
export interface SealKey {
  readonly publicKey: string;
  readonly mac: Buffer;
}

/** Of the worker's own key and the coordinator's public one. */
export function workerSealKey(keys: { publicKey: string; secretKey: string; serverKey: string }): SealKey {
  const { publicKey, secretKey, serverKey } = keys;
  return derive(sharedSecret(secretKey, publicKey, serverKey), publicKey, serverKey);
}

/** The same at the coordinator, of its own key and the worker's public one. Throws for a degenerate key. */
export function serverSealKey(server: { publicKey: string; secretKey: string }, publicKey: string): SealKey {
  return derive(sharedSecret(server.secretKey, server.publicKey, publicKey), publicKey, server.publicKey);
}

function derive(secret: Buffer, publicKey: string, serverKey: string): SealKey {
  const mac = Buffer.from(hkdfSync('sha256', secret, '', `${INFO} ${publicKey} ${serverKey}`, 32));
  return { publicKey, mac };
}

export function makeSeal({ publicKey, mac }: SealKey, counter: number, message: Uint8Array): Buffer {
  const seal = Buffer.alloc(SEAL_BYTES);
  keyBytes(publicKey).copy(seal);
  seal.writeBigUInt64BE(BigInt(counter), COUNTER_AT);
  tagOf(mac, seal, [message]).copy(seal, TAG_AT);
  return seal;
}

/** The public key that a seal names, before anything is proved; null: it is no seal. */
export function sealedBy(seal: Uint8Array): string | null {
  return seal.length === SEAL_BYTES ? keyOf(seal.subarray(0, COUNTER_AT)) : null;
}

/** The counter of a seal that was made with `mac` over these parts of a message; null: it was not. */
export function openSeal({ mac }: SealKey, seal: Uint8Array, parts: readonly Uint8Array[]): number | null {
  const bytes = Buffer.from(seal.buffer, seal.byteOffset, seal.byteLength);
  if (!timingSafeEqual(bytes.subarray(TAG_AT), tagOf(mac, bytes, parts))) return null;
  return Number(bytes.readBigUInt64BE(COUNTER_AT));
}

function tagOf(mac: Buffer, seal: Buffer, parts: readonly Uint8Array[]): Buffer {
  const hash = createHmac('sha256', mac).update(seal.subarray(COUNTER_AT, TAG_AT));
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** A message with its seal, in parts that a socket with a small limit takes: who is not admitted yet can make it hold only one. */
export class Sealer {
  readonly #key: SealKey;
  readonly #partBytes: number;
  #counter = 0;

  constructor(key: SealKey, partBytes: number) {
    this.#key = key;
    this.#partBytes = partBytes;
  }

  seal(message: Uint8Array): Uint8Array[] {
    const parts: Uint8Array[] = [makeSeal(this.#key, ++this.#counter, message)];
    for (let at = 0; at < message.length; at += this.#partBytes) parts.push(message.subarray(at, at + this.#partBytes));
    return parts;
  }
}
