import { count, duration, loss, percent, rate, roughDuration } from '../formats/numbers.js';
import type { ProgressEvent } from './reporter.js';

/** Fields of a line in order; an empty one is left out. */
type Fields = (event: ProgressEvent) => readonly string[];

/** Room for a bar that still shows something, and one that is wide enough. */
const BAR_COLUMNS_MIN = 8;
const BAR_COLUMNS_MAX = 20;

/** From wide to narrow. Time left and step go last: they are what a person looks for. */
const LAYOUTS: readonly { readonly bar: boolean; readonly fields: Fields }[] = [
  { bar: true, fields: (event) => [done(event), step(event), rate(event.imagesPerSecond), ...longWords(event)] },
  { bar: true, fields: (event) => [step(event), shortRate(event), losses(event), accuracy(event), left(event)] },
  { bar: false, fields: (event) => [step(event), shortRate(event), losses(event), accuracy(event), left(event)] },
  { bar: false, fields: (event) => [steps(event), shortRate(event), losses(event), accuracy(event), left(event)] },
  { bar: false, fields: (event) => [steps(event), losses(event), accuracy(event), left(event)] },
  { bar: false, fields: (event) => [steps(event), shortRate(event), losses(event), left(event)] },
  { bar: false, fields: (event) => [steps(event), losses(event), left(event)] },
  { bar: false, fields: (event) => [steps(event), left(event)] },
  { bar: false, fields: (event) => [steps(event)] },
  { bar: false, fields: (event) => [done(event)] },
];

/**
 * The numbers of a progress event in a line that fits a terminal: first words get shorter, then the bar goes, then fields do.
 * @param columns Of the terminal. The last one stays free: what fills it makes some terminals go to the next line.
 */
export function progressLine(event: ProgressEvent, columns: number): string {
  const room = columns - 1;
  for (const { bar, fields } of LAYOUTS) {
    const text = joined(fields(event));
    const barColumns = Math.min(BAR_COLUMNS_MAX, room - text.length - 2);
    if (!bar && text.length <= room) return text;
    if (bar && barColumns >= BAR_COLUMNS_MIN) return joined([barOf(event, barColumns), text]);
  }
  return '';
}

function joined(fields: readonly string[]): string {
  return fields.filter((field) => field !== '').join('  ');
}

function barOf(event: ProgressEvent, columns: number): string {
  const full = Math.min(columns, Math.round(share(event) * columns));
  return '='.repeat(full) + '-'.repeat(columns - full);
}

function share(event: ProgressEvent): number {
  return event.steps > 0 ? event.step / event.steps : 1;
}

/** Rounded down: 100 % is said when everything is done. */
function done(event: ProgressEvent): string {
  return `${Math.floor(share(event) * 100)} %`;
}

function step(event: ProgressEvent): string {
  return `step ${steps(event)}`;
}

function steps(event: ProgressEvent): string {
  return `${count(event.step)}/${count(event.steps)}`;
}

function shortRate(event: ProgressEvent): string {
  return rate(event.imagesPerSecond).replace('images', 'img');
}

function longWords(event: ProgressEvent): string[] {
  const { discriminatorLoss, generatorLoss, accuracyReal, accuracyFake, etaSeconds } = event;
  return [
    `D ${loss(discriminatorLoss)}  G ${loss(generatorLoss)}`,
    `D right: ${padded(percent(accuracyReal), 5)} real, ${padded(percent(accuracyFake), 5)} fake`,
    etaSeconds === null ? '' : `${duration(etaSeconds)} left`,
  ];
}

function losses({ discriminatorLoss, generatorLoss }: ProgressEvent): string {
  return `D ${loss(discriminatorLoss, 2)} G ${loss(generatorLoss, 2)}`;
}

/** D's accuracy on real and on generated images. */
function accuracy({ accuracyReal, accuracyFake }: ProgressEvent): string {
  const short = (value: number): string => padded(percent(value).replace(' ', ''), 4);
  return `real ${short(accuracyReal)} fake ${short(accuracyFake)}`;
}

function left({ etaSeconds }: ProgressEvent): string {
  return etaSeconds === null ? '' : `${roughDuration(etaSeconds)} left`;
}

/** What changes from frame to frame keeps its width, so that the fields behind it stand still. */
function padded(text: string, columns: number): string {
  return text.padStart(columns);
}
