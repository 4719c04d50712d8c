import { expect, it } from 'vitest';
import { LaunchEvents } from './launch-events.js';

const gaveWay = '{"event":"done","step":30,"interrupted":true}';
const ended = '{"event":"done","step":90,"interrupted":false}';

function listened(): { events: LaunchEvents; shown: string[]; notes: string[]; lines: string[] } {
  const shown: string[] = [];
  const lines: string[] = [];
  const notes: string[] = [];
  const events = new LaunchEvents({
    event: ({ event, step }) => shown.push(`${event} ${String(step)}`),
    line: (_, line) => lines.push(line),
    note: (text) => notes.push(text),
  });
  return { events, shown, notes, lines };
}

it('takes a run that gave way for one that goes on, where it is started again', () => {
  const { events, shown, notes } = listened();
  events.expectMore(true);
  events.parse(gaveWay);
  expect([events.ending, shown]).toEqual([null, []]);
  expect(notes).toEqual([expect.stringMatching(/gave way .*step 30/)]);
  events.parse(ended);
  expect(events.ending).toMatchObject({ step: 90 });
  events.settle();
  expect(shown).toEqual(['done 90']);
});

it('takes it for its end, where nobody started it again', () => {
  const { events, shown } = listened();
  events.expectMore(true);
  events.parse(gaveWay);
  events.settle();
  expect(events.ending).toMatchObject({ step: 30 });
  expect(shown).toEqual(['done 30']);
});

it('takes it for its end at once, where it was asked to stop', () => {
  const { events, shown } = listened();
  events.expectMore(true);
  events.expectMore(false);
  events.parse(gaveWay);
  expect([events.ending, shown]).toEqual([expect.objectContaining({ step: 30 }), ['done 30']]);
});

it('does not show what others say of an error that was told', () => {
  const { events, lines } = listened();
  events.line('worker-0', 'before');
  events.parse('{"event":"error","code":"GANTRY_DISK_FULL","message":"no room"}');
  events.line('worker-0', 'error: no room');
  expect(lines).toEqual(['before']);
});

it('shows nothing more of a run once its launch has failed', () => {
  const { events, shown, lines } = listened();
  events.fail('training cannot begin');
  events.parse('{"event":"error","code":"GANTRY_INTERRUPTED","message":"stopped before training began"}');
  events.line('worker-0', 'warn: it was stopped');
  expect([shown, lines]).toEqual([[], []]);
  expect(events.ending).toMatchObject({ code: 'GANTRY_INTERRUPTED' });
  expect(events.failure).toBe('training cannot begin');
});
