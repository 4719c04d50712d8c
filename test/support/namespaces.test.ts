import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lostHostsProblem, Network, removeStaleNamespaces } from './namespaces.js';

const problem = lostHostsProblem();

/** Answers every byte with the same one. */
const ECHO = `require('net').createServer((socket) => socket.pipe(socket).on('error', () => {}))
  .listen(4000, process.argv[1], () => console.log('listening'))`;
/** Sends so many bytes, tells in how many milliseconds they came back; ends with 1 if they did not in time. */
const CALL = `const [address, bytes, patience] = process.argv.slice(1);
  const socket = require('net').connect(4000, address);
  const started = Date.now();
  let left = Number(bytes);
  socket.on('connect', () => socket.write(Buffer.alloc(left)));
  socket.on('data', (data) => { left -= data.length; if (left === 0) { console.log(Date.now() - started); process.exit(0); } });
  socket.on('error', () => process.exit(1));
  setTimeout(() => process.exit(1), Number(patience));`;

describe.skipIf(problem !== '')(`network namespaces${problem === '' ? '' : ` (skipped: ${problem})`}`, () => {
  let network: Network;
  const ended: (() => void)[] = [];

  beforeAll(async () => {
    removeStaleNamespaces();
    network = new Network(2);
    const echo = network.spawn(0, [process.execPath, '-e', ECHO, network.address(0)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    ended.push(() => echo.kill('SIGKILL'));
    await once(echo.stdout!, 'data');
  });

  afterAll(() => {
    for (const end of ended) end();
    network?.remove();
  });

  async function call(bytes: number, patienceMs: number): Promise<number | null> {
    const args = [network.address(0), String(bytes), String(patienceMs)];
    const child = network.spawn(1, [process.execPath, '-e', CALL, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout!.on('data', (text) => {
      output += text;
    });
    const [code] = await once(child, 'close');
    return code === 0 ? Number(output) : null;
  }

  it('joins its hosts, and nobody else', async () => {
    expect(await call(1_000, 30_000)).not.toBeNull();
  });

  it('lets nothing through while a link is cut', async () => {
    network.cut(0);
    expect(await call(1_000, 1_000)).toBeNull();
    network.mend(0);
    expect(await call(1_000, 30_000)).not.toBeNull();
  });

  it('slows a link down', async () => {
    // 8 Mbit/s: 1 MB takes a second to go there; without the limit it takes milliseconds.
    network.limit(1, { rate: '8mbit' });
    expect(await call(1_000_000, 60_000)).toBeGreaterThan(700);
    network.unlimit(1);
  });
});
