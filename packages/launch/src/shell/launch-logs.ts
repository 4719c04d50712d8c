import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';

/** Files of what each process of a launch has said, in its folder. */
export class LaunchLogs {
  readonly #folder: string;
  readonly #note: (text: string) => void;
  readonly #files = new Map<string, WriteStream>();
  #hasFailed = false;

  constructor(folder: string, note: (text: string) => void) {
    this.#folder = folder;
    this.#note = note;
  }

  write(name: string, line: string): void {
    let file = this.#files.get(name);
    if (file === undefined) {
      file = createWriteStream(join(this.#folder, `${name}.log`), { flags: 'a' });
      file.on('error', (error) => this.#fail(error));
      this.#files.set(name, file);
    }
    file.write(`${line}\n`);
  }

  end(): void {
    for (const file of this.#files.values()) file.end();
  }

  /** The run goes on without; what fills one log fills them all, and is told once. */
  #fail({ message }: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#note(`cannot write the logs in ${this.#folder}: ${message}`);
  }
}
