import { SingleBar } from 'cli-progress';
import { count, duration, loss, percent, rate } from '../formats/numbers.js';
import { describeEvent } from './describe-event.js';
import type { ProgressEvent, Reporter } from './reporter.js';

const FORMAT =
  '{bar} {percentage}% step {value}/{total}  {rate}  D {d}  G {g}  D right: {real} real, {fake} fake  {left}';
const BAR_COLUMNS = 20;
const FRAMES_PER_SECOND = 5;

/** A progress bar on a terminal; what happens is written above it. */
export function createBarReporter(): Reporter {
  const bar = new SingleBar({
    format: FORMAT,
    stream: process.stderr,
    barsize: BAR_COLUMNS,
    fps: FRAMES_PER_SECOND,
    hideCursor: true,
    clearOnComplete: false,
    stopOnComplete: false,
    // The coordinator ends the run on a signal; a bar must not end the process.
    gracefulExit: false,
    formatValue: (value, _options, type) => (type === 'value' || type === 'total' ? count(value) : String(value)),
  });
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
        if (!running) bar.start(event.steps, event.step, payload(event));
        running = true;
        return bar.update(event.step, payload(event));
      }
      if (event.event === 'done' || event.event === 'error') close();
      const text = describeEvent(event);
      if (text !== undefined) above(text);
    },
    note: above,
    close,
  };
}

function payload(event: ProgressEvent): object {
  return {
    rate: rate(event.imagesPerSecond),
    d: loss(event.discriminatorLoss),
    g: loss(event.generatorLoss),
    real: percent(event.accuracyReal),
    fake: percent(event.accuracyFake),
    left: event.etaSeconds === null ? '' : `${duration(event.etaSeconds)} left`,
  };
}
