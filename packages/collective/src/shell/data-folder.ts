import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PREFIX = 'gantry-ipc-';
/** Host, pid and start time of the owner, and what mkdtemp adds. Short: the path of an ipc endpoint has 107 bytes at most. */
const NAME = /^gantry-ipc-([0-9a-f]{6})-(\d{1,10})-(\d*)-[A-Za-z0-9]{6}$/;

/**
 * A new folder for an ipc endpoint, mode 0700 by mkdtemp: nobody else can reach it. Its name says whose it is, so that the
 * next one to be made takes away those that killed processes left.
 */
export function makeDataFolder(directory: string = os.tmpdir()): string {
  cleanStaleDataFolders(directory);
  const owner = `${hostTag()}-${process.pid}-${startTimeOf(process.pid)}`;
  return fs.mkdtempSync(path.join(directory, `${PREFIX}${owner}-`));
}

/** Removes the folders of this host and user whose process has ended; returns their names. */
export function cleanStaleDataFolders(directory: string = os.tmpdir()): string[] {
  const host = hostTag();
  return fs.readdirSync(directory).filter((entry) => {
    const match = NAME.exec(entry);
    // A pid means nothing on another host, or in another container that shares this folder.
    if (match === null || match[1] !== host || isRunning(Number(match[2]), match[3]!)) return false;
    return removeOwn(path.join(directory, entry));
  });
}

function removeOwn(folder: string): boolean {
  try {
    const status = fs.lstatSync(folder);
    if (!status.isDirectory() || status.uid !== process.getuid?.()) return false;
    fs.rmSync(folder, { recursive: true, force: true });
    return true;
  } catch {
    return false; // Somebody else was faster.
  }
}

function isRunning(pid: number, startTime: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = startTimeOf(pid);
  // Pids are used again; where the kernel does not say when a process started, a living one counts as the owner.
  return now === '' || startTime === '' || now === startTime;
}

/** In the kernel's clock ticks since boot; empty where that cannot be read. */
function startTimeOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold blanks; starttime is the 22nd.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function hostTag(): string {
  return createHash('sha256').update(os.hostname()).digest('hex').slice(0, 6);
}
