import fs from 'node:fs';
import { GantryError } from '../errors.js';

const NEWLINE = 0x0a;

/**
 * Lines behind those of a file that others read and edit meanwhile: at its end and in one write, so that it keeps its owner, its
 * permissions and what somebody else adds or takes out in that moment. What could be written only in part is taken back.
 *
 * @throws GantryError GANTRY_FILE_FAILED: another file was put in its place meanwhile; the system's own errors
 */
export function appendLines(file: string, lines: string): void {
  // It is there: a list made anew here would revoke everybody.
  const descriptor = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_APPEND);
  try {
    const { size } = fs.fstatSync(descriptor);
    const bytes = Buffer.from(`${endsALine(descriptor, size) ? '' : '\n'}${lines}`);
    try {
      fs.writeFileSync(descriptor, bytes);
      fs.fsyncSync(descriptor);
    } catch (error) {
      takeBack(descriptor, size, bytes);
      throw error;
    }
    refuseReplaced(file, descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function endsALine(descriptor: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size === 0 || fs.readSync(descriptor, last, 0, 1, size - 1) === 0 || last[0] === NEWLINE;
}

/** Only if nothing else was written there meanwhile. */
function takeBack(descriptor: number, size: number, bytes: Buffer): void {
  try {
    const written = Buffer.alloc(bytes.length + 1);
    const count = fs.readSync(descriptor, written, 0, written.length, size);
    if (written.subarray(0, count).equals(bytes.subarray(0, count))) fs.ftruncateSync(descriptor, size);
  } catch {
    // Why it could not be written says more.
  }
}

/** An editor that saves by a new file: what was written is in the old one, which nobody reads any more. */
function refuseReplaced(file: string, descriptor: number): void {
  const [written, there] = [fs.fstatSync(descriptor), fs.statSync(file, { throwIfNoEntry: false })];
  if (there?.ino === written.ino && there.dev === written.dev) return;
  throw new GantryError('GANTRY_FILE_FAILED', `${file} was replaced by somebody meanwhile; say it again`);
}
