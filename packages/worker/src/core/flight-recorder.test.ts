import { describe, expect, it } from 'vitest';
import { FlightRecorder } from './flight-recorder.js';

describe('FlightRecorder', () => {
  it('keeps the newest entries, oldest first', () => {
    const recorder = new FlightRecorder(3);
    const beat = recorder.event('beat');
    const abort = recorder.event('abort');
    for (let index = 0; index < 4; index++) recorder.record(index, beat, index, index * 2);
    recorder.record(9, abort, 4);
    expect(recorder.records()).toEqual([
      { atMs: 2, event: 'beat', update: 2, value: 4 },
      { atMs: 3, event: 'beat', update: 3, value: 6 },
      { atMs: 9, event: 'abort', update: 4, value: 0 },
    ]);
  });

  it('gives one number to one name, and lines that a person reads', () => {
    const recorder = new FlightRecorder();
    expect(recorder.event('commit')).toBe(recorder.event('commit'));
    expect(recorder.event('other')).not.toBe(recorder.event('commit'));
    recorder.record(12.345, recorder.event('commit'), 7, 1);
    expect(recorder.dump()).toEqual(['      12.3 ms  update 7  commit  1']);
    expect(new FlightRecorder(2).dump()).toEqual([]);
  });

  it('is read by another thread through its memory', () => {
    const recorder = new FlightRecorder(3);
    recorder.record(1, recorder.event('gathering'), 7, 2);
    const reader = new FlightRecorder(recorder.buffer);
    expect(reader.records()).toEqual([{ atMs: 1, event: 'gathering', update: 7, value: 2 }]);
    recorder.record(2, recorder.event('sent paused'), 7);
    expect(reader.records()).toEqual(recorder.records());
    expect(reader.records()).toHaveLength(2);
  });

  it('has numbers for names that it has no room for', () => {
    const recorder = new FlightRecorder(1);
    const numbers = Array.from({ length: 400 }, (_, index) => recorder.event(`an event ${index}`));
    recorder.record(1, numbers.at(-1)!, 7);
    expect(recorder.records()[0]?.event).toBe('event 399');
    recorder.record(1, numbers[0]!, 7);
    expect(recorder.records()[0]?.event).toBe('an event 0');
  });

  it('refuses a capacity that is none', () => {
    expect(() => new FlightRecorder(0)).toThrow(/flight recorder of 0/);
  });
});
