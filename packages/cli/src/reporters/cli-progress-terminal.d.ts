// What cli-progress has and its published types leave out.

declare module 'cli-progress/lib/terminal.js' {
  /** What a bar does to the terminal. */
  export default class Terminal {
    constructor(stream: NodeJS.WritableStream);
    cursorSave(): void;
    cursorRestore(): void;
  }
}
