// A control socket with keys, as a process of its own, so that its memory is its own: the test that floods it forks it.
import { ControlSocket } from '../shell/control-socket.js';

const SAMPLE_EVERY_MS = 10;

const keys = process.argv[2]!;
const socket = await ControlSocket.open({
  bind: 'tcp://127.0.0.1:0',
  insecure: false,
  keys,
  onFrame: () => {},
  onGone: () => {},
  probe: () => null,
});
let most = 0;
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss());
}, SAMPLE_EVERY_MS);
/** Answers with the most memory since the question before. */
process.on('message', () => {
  process.send!(Math.max(most, process.memoryUsage.rss()));
  most = 0;
});
process.on('disconnect', () => process.exit());
process.send!(socket.endpoint);
