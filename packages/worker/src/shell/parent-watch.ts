import net from 'node:net';

/**
 * Calls `onGone` when the other end of the pipe on `fd` is closed: the process that started this one has ended, however.
 * The pipe never carries data; what comes is thrown away.
 */
export function watchParent(fd: number, onGone: () => void): { close(): void } {
  const pipe = new net.Socket({ fd, readable: true, writable: false });
  pipe.on('end', onGone);
  pipe.on('error', onGone);
  pipe.resume();
  pipe.unref();
  return {
    close: () =>
      pipe
        .removeAllListeners()
        .on('error', () => {})
        .destroy(),
  };
}
