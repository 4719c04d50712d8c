import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllowList } from './allow-list.js';
import { parseKeyFile, printKeyFile } from './key-file.js';
import { readAllowList, readKeyFolder, readWorkerKeys, writeKeyFolder } from './key-folder.js';
import { generateKeyPair, isPair, keyBytes, keyOf } from './key-pair.js';
import { makeSeal, openSeal, Sealer, sealedBy, serverSealKey, workerSealKey } from './seal.js';
import { decodeZ85, encodeZ85 } from './z85.js';

const BUILT = new URL('../../dist/keys/index.js', import.meta.url).href;
const home = mkdtempSync(join(tmpdir(), 'gantry-keys-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'GANTRY_KEYS_INVALID', message: expect.stringMatching(message) });
let folders = 0;
const folder = (): string => join(home, `keys-${folders++}`);

/** In a process that may write only so much to a file: a disk that is full in the middle of a write. */
function generateWithin(keys: string, workers: readonly string[], { add, kib }: { add: boolean; kib: number }) {
  const program = `import { writeKeyFolder } from '${BUILT}';
    try { writeKeyFolder(${JSON.stringify(keys)}, ${JSON.stringify(workers)}, { add: ${add} }); }
    catch (error) { console.error(error.code); process.exit(1); }`;
  const limited = `trap '' XFSZ; ulimit -f ${kib}; exec "$0" --input-type=module --eval "$1"`;
  return spawnSync('bash', ['-c', limited, process.execPath, program], { encoding: 'utf8' });
}

/** Comments until the file has so many bytes. @returns its text */
function fillTo(file: string, bytes: number): string {
  const before = readFileSync(file, 'utf8');
  const text = `${before}${'#'.repeat(bytes - before.length - 1)}\n`;
  writeFileSync(file, text);
  return text;
}

describe('Z85 and keys', () => {
  it('writes what RFC 32 says', () => {
    const bytes = Buffer.from('864fd26fb559f75b', 'hex');
    expect(encodeZ85(bytes)).toBe('HelloWorld');
    expect(decodeZ85('HelloWorld')).toEqual(bytes);
    expect([decodeZ85('HelloWorl'), decodeZ85('Hello~orld'), decodeZ85('#####')]).toEqual([null, null, null]);
  });

  it('makes pairs that belong together, and no two alike', () => {
    const [a, b] = [generateKeyPair(), generateKeyPair()];
    expect(a.publicKey).not.toBe(b.publicKey);
    expect(keyOf(keyBytes(a.publicKey))).toBe(a.publicKey);
    expect(isPair(a)).toBe(true);
    expect(isPair({ publicKey: b.publicKey, secretKey: a.secretKey })).toBe(false);
  });
});

describe('the folder of keys', () => {
  it('is for its owner alone, and is read back', () => {
    const keys = folder();
    const files = writeKeyFolder(keys, ['alice', 'bob'], { add: false });
    expect(readdirSync(keys).sort()).toEqual(['alice.key', 'allowed', 'bob.key', 'server.key', 'server.pub']);
    expect(statSync(keys).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(keys)) expect(statSync(join(keys, name)).mode & 0o777).toBe(0o600);
    const { server, allowedFile } = readKeyFolder(keys);
    const alice = readWorkerKeys(files[0]!);
    expect(alice).toMatchObject({ name: 'alice', serverKey: server.publicKey });
    expect(readFileSync(join(keys, 'server.pub'), 'utf8').trim()).toBe(server.publicKey);
    expect([...readAllowList(allowedFile).values()]).toEqual(['alice', 'bob']);
    expect(readAllowList(allowedFile).get(alice.publicKey)).toBe('alice');
  });

  it('is never overwritten; workers are added', () => {
    const keys = folder();
    writeKeyFolder(keys, ['alice'], { add: false });
    const before = readFileSync(join(keys, 'alice.key'), 'utf8');
    expect(() => writeKeyFolder(keys, ['bob'], { add: false })).toThrow(invalid(/--add/));
    expect(() => writeKeyFolder(keys, ['alice'], { add: true })).toThrow(invalid(/choose another name/));
    writeKeyFolder(keys, ['bob'], { add: true });
    expect(readFileSync(join(keys, 'alice.key'), 'utf8')).toBe(before);
    expect([...readAllowList(join(keys, 'allowed')).values()]).toEqual(['alice', 'bob']);
    const other = mkdtempSync(join(home, 'other-'));
    writeFileSync(join(other, 'note'), '');
    expect(() => writeKeyFolder(other, ['bob'], { add: false })).toThrow(invalid(/not an empty folder/));
    expect(() => writeKeyFolder(folder(), ['../bob'], { add: false })).toThrow(/cannot be a worker's name/);
    expect(() => writeKeyFolder(folder(), ['bob', 'Bob'], { add: false })).toThrow(/named twice/);
    expect(() => writeKeyFolder(folder(), ['server'], { add: false })).toThrow(/not "server"/);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'is taken as Kubernetes mounts it for who is not root, and not a bit wider',
    () => {
      const NOBODY = 10_001;
      const keys = folder();
      writeKeyFolder(keys, ['alice'], { add: false });
      const files = ['server.key', 'alice.key', 'allowed'].map((name) => join(keys, name));
      chmodSync(home, 0o755);
      chmodSync(keys, 0o3777);
      for (const file of files) {
        chmodSync(file, 0o440);
        chownSync(file, 0, NOBODY);
      }
      const asNobody = <T>(read: () => T): T => {
        process.setegid!(NOBODY);
        process.seteuid!(NOBODY);
        try {
          return read();
        } finally {
          process.seteuid!(0);
          process.setegid!(0);
        }
      };
      expect(asNobody(() => readWorkerKeys(files[1]!)).name).toBe('alice');
      expect(asNobody(() => readAllowList(readKeyFolder(keys).allowedFile)).size).toBe(1);
      // Root itself needs no group.
      expect(() => readWorkerKeys(files[1]!)).toThrow(invalid(/mode 440/));
      chmodSync(files[0]!, 0o444);
      expect(() => asNobody(() => readKeyFolder(keys))).toThrow(invalid(/server\.key.*mode 444/));
      chmodSync(files[0]!, 0o460);
      expect(() => asNobody(() => readKeyFolder(keys))).toThrow(invalid(/server\.key.*mode 460/));
      // What somebody else has put there, or may replace, is nobody's word.
      chmodSync(files[0]!, 0o440);
      chownSync(files[2]!, 4711, NOBODY);
      expect(() => asNobody(() => readKeyFolder(keys))).toThrow(invalid(/chmod 700/));
      chownSync(files[2]!, 0, NOBODY);
      chmodSync(keys, 0o777);
      expect(() => asNobody(() => readKeyFolder(keys))).toThrow(invalid(/chmod 700/));
    },
  );

  it.skipIf(process.platform === 'win32')('is refused where others can read or change it', () => {
    const keys = folder();
    const [alice] = writeKeyFolder(keys, ['alice'], { add: false });
    chmodSync(alice!, 0o640);
    expect(() => readWorkerKeys(alice!)).toThrow(invalid(/mode 640.*chmod 600/));
    chmodSync(join(keys, 'allowed'), 0o644);
    expect(readAllowList(join(keys, 'allowed')).size).toBe(1);
    chmodSync(join(keys, 'allowed'), 0o664);
    expect(() => readAllowList(join(keys, 'allowed'))).toThrow(invalid(/changed by others/));
    chmodSync(join(keys, 'server.key'), 0o604);
    expect(() => readKeyFolder(keys)).toThrow(invalid(/server\.key.*mode 604/));
    chmodSync(keys, 0o770);
    expect(() => readKeyFolder(keys)).toThrow(invalid(/chmod 700/));
    symlinkSync(alice!, join(home, 'link'));
    expect(() => readWorkerKeys(join(home, 'link'))).toThrow(invalid(/mode 640/));
  });

  it.skipIf(process.platform === 'win32')('has no trace of workers for whom there was no room', () => {
    const keys = folder();
    expect(generateWithin(keys, ['alice'], { add: false, kib: 0 }).stderr).toContain('GANTRY_DISK_FULL');
    expect(readdirSync(keys)).toEqual([]);
    writeKeyFolder(keys, ['alice'], { add: false });
    const before = fillTo(join(keys, 'allowed'), 1000);
    const failed = generateWithin(keys, ['bob', 'carol'], { add: true, kib: 1 });
    expect([failed.status, failed.stderr]).toEqual([1, expect.stringContaining('GANTRY_DISK_FULL')]);
    expect(readFileSync(join(keys, 'allowed'), 'utf8')).toBe(before);
    expect(readdirSync(keys).sort()).toEqual(['alice.key', 'allowed', 'server.key', 'server.pub']);
    writeKeyFolder(keys, ['bob', 'carol'], { add: true });
    expect([...readAllowList(join(keys, 'allowed')).values()]).toEqual(['alice', 'bob', 'carol']);
  });

  it('takes no harm from what a keygen that was killed has left', () => {
    const keys = folder();
    writeKeyFolder(keys, ['alice'], { add: false });
    const before = readFileSync(join(keys, 'allowed'), 'utf8');
    writeFileSync(join(keys, 'allowed.new'), before);
    writeFileSync(join(keys, 'bob.key'), '{"gantryKey": 1,');
    expect(() => writeKeyFolder(keys, ['carol', 'bob'], { add: true })).toThrow(
      invalid(/bob\.key.*does not list it.*delete it.*or choose another name/),
    );
    expect(readFileSync(join(keys, 'allowed'), 'utf8')).toBe(before);
    writeKeyFolder(keys, ['carol'], { add: true });
    expect([...readAllowList(join(keys, 'allowed')).values()]).toEqual(['alice', 'carol']);
  });

  it('says what is not there', () => {
    expect(() => readKeyFolder(join(home, 'none'))).toThrow(invalid(/gantry keygen/));
    expect(() => readWorkerKeys(join(home, 'none'))).toThrow(invalid(/does not exist/));
    expect(() => readWorkerKeys(home)).toThrow(invalid(/not a file/));
  });
});

describe('key files', () => {
  const server = generateKeyPair();
  const worker = { kind: 'worker', name: 'w', ...generateKeyPair(), serverKey: server.publicKey } as const;
  const parse = (change: object) =>
    parseKeyFile('w.key', JSON.stringify({ gantryKey: 1, ...worker, ...change }), 'worker');

  it('are read strictly, and errors do not tell a secret', () => {
    expect(parseKeyFile('w.key', printKeyFile(worker), 'worker')).toEqual(worker);
    expect(() => parse({ gantryKey: 2 })).toThrow(invalid(/version 1/));
    expect(() => parse({ kind: 'server' })).toThrow(invalid(/a worker's is needed/));
    expect(() => parse({ extra: 1 })).toThrow(invalid(/unknown field "extra"/));
    expect(() => parse({ name: '../x' })).toThrow(invalid(/not a name/));
    expect(() => parse({ serverKey: 'short' })).toThrow(invalid(/serverKey is not a key/));
    expect(() => parse({ publicKey: server.publicKey })).toThrow(invalid(/one pair/));
    expect(() => parse({ secretKey: 5 })).toThrow(invalid(/secretKey is not a key/));
    for (const text of [`${worker.secretKey}`, '[]', '', 'null', '{"gantryKey":1']) {
      expect(() => parseKeyFile('w.key', text, 'worker')).toThrow(invalid(/JSON/));
      try {
        parseKeyFile('w.key', text, 'worker');
      } catch (error) {
        expect(String((error as Error).message)).not.toContain(worker.secretKey);
      }
    }
  });
});

describe('allow-lists', () => {
  const [a, b] = [generateKeyPair().publicKey, generateKeyPair().publicKey];
  it('have comments, empty lines and one worker a line', () => {
    const list = parseAllowList('allowed', `# all\n\n  a ${a}  # of the lab\nb\t${b}\r\n`);
    expect([...list]).toEqual([
      [a, 'a'],
      [b, 'b'],
    ]);
    expect(parseAllowList('allowed', '').size).toBe(0);
  });

  it.each([
    [`a ${a}\na ${b}`, /line 2: a is there twice/],
    [`a ${a}\nb ${a}`, /line 2: the key of b is also that of a/],
    [`a ${a.slice(1)}`, /line 1: expected/],
    ['a', /line 1: expected/],
    [`a ${a} more`, /line 1: expected/],
    [`/etc ${a}`, /no name/],
  ])('%j is refused', (text, message) => {
    expect(() => parseAllowList('allowed', text)).toThrow(invalid(message));
  });
});

describe('seals', () => {
  const server = generateKeyPair();
  const [a, b] = [generateKeyPair(), generateKeyPair()];
  const ofWorker = workerSealKey({ ...a, serverKey: server.publicKey });
  const ofServer = serverSealKey(server, a.publicKey);
  const message = Buffer.from('a message');

  it('are made by one key and opened by the same alone', () => {
    const seal = makeSeal(ofWorker, 7, message);
    expect(sealedBy(seal)).toBe(a.publicKey);
    expect(openSeal(ofServer, seal, [message.subarray(0, 3), message.subarray(3)])).toBe(7);
    expect(openSeal(serverSealKey(server, b.publicKey), seal, [message])).toBeNull();
    // Another key that says it is this one.
    const forged = makeSeal(
      { ...workerSealKey({ ...b, serverKey: server.publicKey }), publicKey: a.publicKey },
      8,
      message,
    );
    expect(openSeal(ofServer, forged, [message])).toBeNull();
  });

  it.each([0, 33, 39, 40, 71])('break with any changed bit (byte %i)', (at) => {
    const seal = makeSeal(ofWorker, 7, message);
    seal[at]! ^= 1;
    const opened = sealedBy(seal) === a.publicKey ? openSeal(ofServer, seal, [message]) : null;
    expect(opened).toBeNull();
    expect(openSeal(ofServer, makeSeal(ofWorker, 7, message), [Buffer.from('a messagE')])).toBeNull();
  });

  it('count, and travel in front of parts of bounded size', () => {
    const sealer = new Sealer(ofWorker, 4);
    sealer.seal(message);
    const [seal, ...parts] = sealer.seal(message);
    expect(parts.map(({ length }) => length)).toEqual([4, 4, 1]);
    expect(openSeal(ofServer, seal!, parts)).toBe(2);
    expect(sealedBy(message)).toBeNull();
  });
});

it('makes key after key while the collector runs: Node can wait for itself for ever as it exports one', () => {
  const program = `import { generateKeyPair } from '${BUILT}'; for (let i = 0; i < 20_000; i++) generateKeyPair();`;
  const options = ['--max-semi-space-size=1', '--input-type=module', '--eval', program];
  expect(spawnSync(process.execPath, options, { timeout: 120_000 })).toMatchObject({ status: 0, signal: null });
});
