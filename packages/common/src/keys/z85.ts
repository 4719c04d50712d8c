/** Z85 (ZeroMQ RFC 32): 4 bytes are 5 printable characters; the form in which CURVE keys are written and passed to ZeroMQ. */
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const VALUES = new Map([...ALPHABET].map((character, value) => [character, value]));
const BASE = 85;
const WORD_BYTES = 4;
const WORD_CHARS = 5;

/** @param bytes A multiple of four. */
export function encodeZ85(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += WORD_BYTES) {
    const word = view.getUint32(at);
    for (let place = WORD_CHARS - 1; place >= 0; place--) text += ALPHABET[Math.floor(word / BASE ** place) % BASE];
  }
  return text;
}

/** Null for what is no Z85: a wrong length, another character, a word of more than 32 bits. */
export function decodeZ85(text: string): Buffer | null {
  if (text.length % WORD_CHARS !== 0) return null;
  const bytes = Buffer.alloc((text.length / WORD_CHARS) * WORD_BYTES);
  for (let at = 0; at < text.length; at += WORD_CHARS) {
    let word = 0;
    for (const character of text.slice(at, at + WORD_CHARS)) {
      const value = VALUES.get(character);
      if (value === undefined) return null;
      word = word * BASE + value;
    }
    if (word > 0xffffffff) return null;
    bytes.writeUInt32BE(word, (at / WORD_CHARS) * WORD_BYTES);
  }
  return bytes;
}
