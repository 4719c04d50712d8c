import { type Options, SingleBar } from 'cli-progress';
import Terminal from 'cli-progress/lib/terminal.js';
import { describeEvent } from './describe-event.js';
import { progressLine } from './progress-line.js';
import type { ProgressEvent, Reporter } from './reporter.js';

const FRAMES_PER_SECOND = 5;

/**
 * The bar's line is wherever the cursor is. cli-progress saves the cursor when it starts and goes back there when it stops:
 * over the lines that were written in between.
 */
class LineTerminal extends Terminal {
  override cursorSave(): void {}
  override cursorRestore(): void {}
}

// `terminal` is an option that the published types leave out.
const OPTIONS: Options & { terminal: Terminal } = {
  format: (_options, { maxWidth }, { event }: { event: ProgressEvent }) => progressLine(event, maxWidth),
  stream: process.stderr,
  terminal: new LineTerminal(process.stderr),
  fps: FRAMES_PER_SECOND,
  hideCursor: true,
  clearOnComplete: false,
  stopOnComplete: false,
  // Lines above that are longer than the terminal is wide wrap as everywhere.
  linewrap: true,
  // A line that is written above clears the bar, which has to come back although its numbers are the same.
  forceRedraw: true,
  // The coordinator ends the run on a signal; a bar must not end the process.
  gracefulExit: false,
};

/** A line of progress on a terminal; what happens is written above it. */
export function createBarReporter(): Reporter {
  const bar = new SingleBar(OPTIONS);
  let running = false;
  const above = (text: string): void => {
    // Clears the bar's line; it is drawn again with the next frame.
    if (running) process.stderr.write('\r\u001b[2K');
    process.stderr.write(`${text}\n`);
    if (running) bar.render();
  };
  const close = (): void => {
    if (running) bar.stop();
    running = false;
  };
  return {
    showsErrors: false,
    event(event) {
      if (event.event === 'progress') {
        if (!running) bar.start(event.steps, event.step, { event });
        running = true;
        return bar.update(event.step, { event });
      }
      if (event.event === 'done' || event.event === 'error') close();
      const text = describeEvent(event);
      if (text !== undefined) above(text);
    },
    note: above,
    close,
  };
}
