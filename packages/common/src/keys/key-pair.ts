import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { assert } from '../errors.js';
import { decodeZ85, encodeZ85 } from './z85.js';

/** A CURVE key pair (Curve25519), each key as the 40 characters of Z85 that ZeroMQ takes. */
export interface KeyPair {
  readonly publicKey: string;
  readonly secretKey: string;
}

export const KEY_CHARS = 40;
const KEY_BYTES = 32;

/** A new pair from the system's random numbers. */
export function generateKeyPair(): KeyPair {
  // Encoded as it is made: Node's export of a key object as JWK now and then waits for itself for ever, where the collector runs
  // in the middle of it (its job of making the key, which is collected, locks the key that is being exported).
  const { publicKey, privateKey } = generateKeyPairSync('x25519', {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  // RFC 8410: either ends with the 32 bytes of its key.
  return {
    publicKey: encodeZ85(publicKey.subarray(-KEY_BYTES)),
    secretKey: encodeZ85(privateKey.subarray(-KEY_BYTES)),
  };
}

/** Whether `text` can be a key at all. */
export function isKey(text: string): boolean {
  return text.length === KEY_CHARS && decodeZ85(text) !== null;
}

/** The 32 bytes of a key. */
export function keyBytes(key: string): Buffer {
  const bytes = decodeZ85(key);
  assert(bytes?.length === KEY_BYTES, 'a key has 32 bytes');
  return bytes;
}

/** The public key of bytes that ZeroMQ gives. */
export function keyOf(bytes: Uint8Array): string {
  return encodeZ85(bytes);
}

/** Whether the two keys are of one pair. */
export function isPair({ publicKey, secretKey }: KeyPair): boolean {
  const other = generateKeyPair();
  try {
    const forth = sharedSecret(secretKey, publicKey, other.publicKey);
    return forth.equals(sharedSecret(other.secretKey, other.publicKey, publicKey));
  } catch {
    return false;
  }
}

/** X25519: what the owner of a secret key shares with the owner of `peer`, and with nobody else. Throws for a degenerate key. */
export function sharedSecret(secretKey: string, publicKey: string, peer: string): Buffer {
  const jwk = { kty: 'OKP', crv: 'X25519' };
  const privateKey = createPrivateKey({
    key: { ...jwk, x: base64Url(publicKey), d: base64Url(secretKey) },
    format: 'jwk',
  });
  return diffieHellman({
    privateKey,
    publicKey: createPublicKey({ key: { ...jwk, x: base64Url(peer) }, format: 'jwk' }),
  });
}

function base64Url(key: string): string {
  return keyBytes(key).toString('base64url');
}
