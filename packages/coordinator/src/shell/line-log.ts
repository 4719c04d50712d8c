import { createWriteStream, type WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { LOG_LINE_CHARS_MAX } from './constants.js';

/** A worker's output, line by line, each with its time in front. Failing to write it never ends a run. */
export class LineLog {
  readonly #file: WriteStream;
  /** Last line on stderr that is not empty: the words of a worker that dies. */
  lastWords = '';

  constructor(file: string) {
    this.#file = createWriteStream(file, { flags: 'a' });
    this.#file.on('error', () => {});
  }

  /** Copies a stream until it ends. */
  follow(stream: Readable, name: 'out' | 'err'): void {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('error', () => {});
    stream.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#write(name, line);
      // A line without an end would grow for ever.
      if (rest.length > LOG_LINE_CHARS_MAX) {
        this.#write(name, rest);
        rest = '';
      }
    });
    stream.on('end', () => {
      if (rest !== '') this.#write(name, rest);
    });
  }

  close(): void {
    this.#file.end();
  }

  #write(name: 'out' | 'err', line: string): void {
    const text = line.slice(0, LOG_LINE_CHARS_MAX).trimEnd();
    if (name === 'err' && text !== '') this.lastWords = text;
    this.#file.write(`${new Date().toISOString()} ${text}\n`);
  }
}
