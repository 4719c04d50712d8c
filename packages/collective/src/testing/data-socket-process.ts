// An encrypted data socket, as a process of its own, so that its memory is its own: the test that floods it forks it.
import { bindDataSocket } from '../shell/data-socket.js';

const SAMPLE_EVERY_MS = 10;

const bound = await bindDataSocket('tcp', { encrypted: true });
let most = 0;
setInterval(() => {
  most = Math.max(most, process.memoryUsage.rss());
}, SAMPLE_EVERY_MS);
/** Answers with the most memory since the question before. */
process.on('message', () => {
  process.send!(Math.max(most, process.memoryUsage.rss()));
  most = 0;
});
process.send!(bound.endpoint);
