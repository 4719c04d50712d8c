import { crc32, deflateRawSync } from 'node:zlib';

/** A .npy file of format 1.0, as NumPy writes it. */
export function npy(descr: string, shape: readonly number[], data: Uint8Array | Float32Array): Buffer {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((11 + dictionary.length) / 64) * 64 - 10;
  const head = Buffer.alloc(10);
  head.write('\u0093NUMPY\u0001\u0000', 'latin1');
  head.writeUInt16LE(length, 8);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.concat([head, Buffer.from(`${dictionary.padEnd(length - 1)}\n`), bytes]);
}

/** A zip archive of .npy files, stored or packed. `bare`: names are taken as they are. */
export function npz(
  arrays: Readonly<Record<string, Uint8Array>>,
  { packed = false, bare = false }: { readonly packed?: boolean; readonly bare?: boolean } = {},
): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(arrays)) {
    const file = Buffer.from(bare ? name : `${name}.npy`);
    const data = packed ? deflateRawSync(content) : Buffer.from(content);
    const common = commonFields({ packed, content, data, nameBytes: file.length });
    locals.push(Buffer.concat([Buffer.from('PK\u0003\u0004'), common, file, data]));
    const behind = Buffer.alloc(14);
    behind.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\u0001\u0002'), Buffer.of(20, 0), common, behind, file]));
    offset += locals.at(-1)!.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006');
  end.writeUInt16LE(central.length, 8);
  end.writeUInt16LE(central.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** What local header and directory both have, 26 bytes. Source: PKWARE's APPNOTE, 4.3.7 and 4.3.12. */
function commonFields(entry: { packed: boolean; content: Uint8Array; data: Uint8Array; nameBytes: number }): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(entry.packed ? 8 : 0, 4);
  fields.writeUInt16LE(0x21, 8);
  fields.writeUInt32LE(crc32(entry.content), 10);
  fields.writeUInt32LE(entry.data.length, 14);
  fields.writeUInt32LE(entry.content.length, 18);
  fields.writeUInt16LE(entry.nameBytes, 22);
  return fields;
}
