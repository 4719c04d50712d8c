import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import { bytes } from '../formats/numbers.js';
import { type Finding, guarded, ok } from './finding.js';

const NODE_MAJOR_MIN = 20;
/** Sockets, mappings and files of a worker, with room to spare. */
const OPEN_FILES_MIN = 1024;
/** A few checkpoints, pictures and logs. */
const DISK_BYTES_MIN = 1e9;

/** Node, processor, memory, files, disk and ports: what needs no package of Gantry's. */
export async function checkMachine(folder: string): Promise<Finding[]> {
  return [
    nodeVersion(),
    ok('cpu', `${os.availableParallelism()} cores, ${os.cpus()[0]?.model.trim() ?? 'unknown model'}`),
    ok('memory', `${bytes(os.totalmem())}, ${bytes(os.freemem())} free`),
    openFiles(),
    await guarded('disk', `make room in ${folder}`, () => diskSpace(folder)),
    await guarded('loopback', 'allow this process to listen on 127.0.0.1', loopback),
  ];
}

function nodeVersion(): Finding {
  const { node } = process.versions;
  const value = `${node} (${process.platform} ${process.arch})`;
  if (Number(node.split('.')[0]) >= NODE_MAJOR_MIN) return ok('node', value);
  return {
    name: 'node',
    state: 'problem',
    value,
    remedy: `install Node ${NODE_MAJOR_MIN} or newer: https://nodejs.org`,
  };
}

function openFiles(): Finding {
  const limit = openFileLimit();
  if (limit === undefined) return ok('open files', 'the limit is not known on this system');
  if (limit >= OPEN_FILES_MIN) return ok('open files', `at most ${limit}`);
  const value = `at most ${limit}, ${OPEN_FILES_MIN} are wanted`;
  return { name: 'open files', state: 'warning', value, remedy: `ulimit -n ${OPEN_FILES_MIN}` };
}

/** The soft limit, from Linux's /proc; undefined elsewhere. */
function openFileLimit(): number | undefined {
  try {
    const line = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    if (line === null) return undefined;
    return line[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line[1]);
  } catch {
    return undefined;
  }
}

async function diskSpace(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const value = `${bytes(free)} free in ${folder}`;
  if (free >= DISK_BYTES_MIN) return ok('disk', value);
  return { name: 'disk', state: 'warning', value, remedy: 'make room, or give --out a folder on another disk' };
}

async function loopback(): Promise<Finding> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  await new Promise((resolve) => server.close(resolve));
  return ok('loopback', 'a port of 127.0.0.1 can be bound');
}
