import { expect, it } from 'vitest';
import { FRAME_OVERHEAD_BYTES, OUTBOX_BYTES_MAX } from './constants.js';
import { Outbox } from './outbox.js';

const frame = (text: string) => new TextEncoder().encode(text);

function busy(): Error {
  return Object.assign(new Error('busy'), { code: 'EAGAIN' });
}

it('sends one at a time, in order for each peer, around one that does not read', async () => {
  const sent: string[] = [];
  let inFlight = 0;
  let open = false;
  const outbox = new Outbox(
    async (peer, bytes) => {
      expect(++inFlight).toBe(1);
      await Promise.resolve();
      inFlight--;
      if (peer === 'slow' && !open) throw busy();
      sent.push(`${peer}:${new TextDecoder().decode(bytes)}`);
    },
    () => expect.fail('nobody is gone'),
  );
  const slow = [outbox.add('slow', frame('1')), outbox.add('slow', frame('2'))];
  await Promise.all([outbox.add('quick', frame('a')), outbox.add('quick', frame('b'))]);
  expect(sent).toEqual(['quick:a', 'quick:b']);
  open = true;
  expect(await Promise.all(slow)).toEqual([true, true]);
  expect(sent).toEqual(['quick:a', 'quick:b', 'slow:1', 'slow:2']);
});

it('tells of a peer that is gone, once, and drops what waited for it', async () => {
  const gone: string[] = [];
  const outbox = new Outbox(
    async () => {
      throw Object.assign(new Error('unreachable'), { code: 'EHOSTUNREACH' });
    },
    (peer) => gone.push(peer),
  );
  expect(await Promise.all([outbox.add('a', frame('1')), outbox.add('a', frame('2'))])).toEqual([false, false]);
  expect(gone).toEqual(['a']);
});

it('gives up draining after its time', async () => {
  const outbox = new Outbox(
    async () => {
      throw busy();
    },
    () => {},
  );
  const waiting = outbox.add('a', frame('1'));
  await outbox.drained(10);
  expect(await waiting).toBe(false);
});

it.each([
  ['large frames', 1 << 20],
  ['many frames without a byte', 0],
])('gives up a peer that does not read when too much waits for it: %s', async (_, bytes) => {
  const gone: string[] = [];
  const outbox = new Outbox(
    async () => {
      throw busy();
    },
    (peer) => gone.push(peer),
  );
  const large = new Uint8Array(bytes);
  const fits = Math.floor(OUTBOX_BYTES_MAX / (bytes + FRAME_OVERHEAD_BYTES));
  const waiting = Array.from({ length: fits }, () => outbox.add('slow', large));
  const other = outbox.add('other', frame('1'));
  expect(gone).toEqual([]);
  waiting.push(outbox.add('slow', large));
  expect(gone).toEqual(['slow']);
  expect((await Promise.all(waiting)).some((sent) => sent)).toBe(false);
  await outbox.drained(10);
  expect([await other, gone]).toEqual([false, ['slow']]);
});

it('drops what waits for a peer that is forgotten, and sends what is for who has its place', async () => {
  const sent: string[] = [];
  let release = (): void => {};
  const outbox = new Outbox(
    (_, bytes) => {
      sent.push(new TextDecoder().decode(bytes));
      return new Promise((resolve) => {
        release = resolve;
      });
    },
    () => expect.fail('nobody is gone'),
  );
  const former = outbox.add('a', frame('1'));
  outbox.forget('a');
  expect(await former).toBe(false);
  const next = outbox.add('a', frame('2'));
  release();
  await expect.poll(() => sent).toEqual(['1', '2']);
  release();
  expect(await next).toBe(true);
});
