import fs from 'node:fs';
import koffi from 'koffi';

/**
 * libzmq's own C interface, as exported by the addon that zeromq.js has loaded. What it adds to zeromq.js: receiving into
 * memory of the caller, sending from it without bookkeeping, and waiting without the event loop.
 *
 * Pointers are numbers of 64 bits; buffers are passed as typed arrays. Functions return -1 on failure, see `errno`.
 */
export interface Libzmq {
  ctxNew(): bigint;
  ctxTerm(context: bigint): number;
  socket(context: bigint, type: number): bigint;
  close(socket: bigint): number;
  bind(socket: bigint, endpoint: string): number;
  connect(socket: bigint, endpoint: string): number;
  setOption(socket: bigint, option: number, value: Uint8Array, length: number): number;
  getOption(socket: bigint, option: number, value: Uint8Array, length: BigUint64Array): number;
  send(socket: bigint, data: Uint8Array, bytes: number, flags: number): number;
  /** Sends in place: the bytes must not change until the peer has them. */
  sendConst(socket: bigint, data: Uint8Array, bytes: number, flags: number): number;
  /** Returns the message part's size, which may be more than `bytes`: the rest is lost. */
  receive(socket: bigint, into: Uint8Array | Uint16Array | Float32Array, bytes: number, flags: number): number;
  poll(items: Uint8Array, count: number, timeoutMs: number): number;
  errno(): number;
  describe(errno: number): string;
}

export const ZMQ_PULL = 7;
export const ZMQ_PUSH = 8;
export const ZMQ_DONTWAIT = 1;
export const ZMQ_SNDMORE = 2;
export const ZMQ_POLLIN = 1;
export const ZMQ_POLLOUT = 2;
/** Options of zmq_setsockopt. */
export const ZMQ_RCVMORE = 13;
export const ZMQ_LINGER = 17;
export const ZMQ_RECONNECT_IVL = 18;
export const ZMQ_MAXMSGSIZE = 22;
export const ZMQ_SNDBUF = 11;
export const ZMQ_SNDHWM = 23;
export const ZMQ_RCVHWM = 24;
export const ZMQ_LAST_ENDPOINT = 32;
export const ZMQ_IMMEDIATE = 39;
export const ZMQ_CURVE_SERVER = 47;
export const ZMQ_CURVE_PUBLICKEY = 48;
export const ZMQ_CURVE_SECRETKEY = 49;
export const ZMQ_CURVE_SERVERKEY = 50;
export const ZMQ_IPV6 = 42;
export const ZMQ_HANDSHAKE_IVL = 66;

/** glibc: keep freed memory instead of giving it back and faulting every page in again for the next message. */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const KEPT_BYTES = 1 << 28;
const MAPPED_BYTES = 1 << 25;

let loaded: Libzmq | null | undefined;

/** Null where the addon's symbols cannot be reached (macOS, Windows, a libzmq linked otherwise): use zeromq.js then. */
export function loadLibzmq(): Libzmq | null {
  if (loaded === undefined) {
    try {
      loaded = process.platform === 'linux' && process.env.GANTRY_LIBZMQ !== 'off' ? bind() : null;
    } catch {
      loaded = null;
    }
  }
  return loaded;
}

function bind(): Libzmq | null {
  const path = addonPath();
  if (path === null) return null;
  const library = koffi.load(path);
  keepFreedMemory();
  const strerror = library.func('const char *zmq_strerror(int errno)');
  return {
    ctxNew: library.func('void *zmq_ctx_new()'),
    ctxTerm: library.func('int zmq_ctx_term(void *context)'),
    socket: library.func('void *zmq_socket(void *context, int type)'),
    close: library.func('int zmq_close(void *socket)'),
    bind: library.func('int zmq_bind(void *socket, const char *endpoint)'),
    connect: library.func('int zmq_connect(void *socket, const char *endpoint)'),
    setOption: library.func('int zmq_setsockopt(void *socket, int option, void *value, size_t length)'),
    getOption: library.func('int zmq_getsockopt(void *socket, int option, void *value, void *length)'),
    send: library.func('int zmq_send(void *socket, void *data, size_t length, int flags)'),
    sendConst: library.func('int zmq_send_const(void *socket, void *data, size_t length, int flags)'),
    receive: library.func('int zmq_recv(void *socket, void *data, size_t length, int flags)'),
    poll: library.func('int zmq_poll(void *items, int count, long timeout)'),
    errno: library.func('int zmq_errno()'),
    describe: (errno) => strerror(errno) as string,
  };
}

/** Where the addon that this process has loaded lies. */
function addonPath(): string | null {
  const line = fs
    .readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .find((entry) => /[\\/]zeromq[\\/].*\.node$/.test(entry));
  return line === undefined ? null : line.slice(line.indexOf('/'));
}

function keepFreedMemory(): void {
  try {
    const mallopt = koffi.load(null).func('int mallopt(int parameter, int value)');
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
  } catch {
    // Another C library: it has its own ways.
  }
}
