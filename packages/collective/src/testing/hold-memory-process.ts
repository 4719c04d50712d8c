// Makes and holds shared memory of the name in its argument until it is killed.
import { SharedMemory } from '../shell/shared-memory.js';

process.once('message', (name) => {
  SharedMemory.create(name as string, 4096);
  process.send!('holding');
});
process.send!('ready');
