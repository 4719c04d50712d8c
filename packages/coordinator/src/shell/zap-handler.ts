import { keyOf } from '@gantry/common/keys';
import { type Context, Reply } from 'zeromq';

/** Where ZeroMQ asks within one context (RFC 27). */
const ENDPOINT = 'inproc://zeromq.zap.01';
const VERSION = '1.0';
const KEY_BYTES = 32;

export interface ZapHandlerOptions {
  readonly context: Context;
  /** Sockets of this domain are asked for; no other is known. */
  readonly domain: string;
  /** The name of who has this key; undefined: it is refused. */
  readonly nameOf: (publicKey: string) => string | undefined;
  readonly onRefused: (address: string) => void;
}

/** Answers ZeroMQ's question whether a peer may connect. Anything that is not exactly as it must be is refused. */
export class ZapHandler {
  readonly #socket: Reply;
  readonly #options: ZapHandlerOptions;
  #answering: Promise<void> = Promise.resolve();

  private constructor(socket: Reply, options: ZapHandlerOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Ends when it can be asked: only then may a socket be bound that relies on it. */
  static async start(options: ZapHandlerOptions): Promise<ZapHandler> {
    const socket = new Reply({ context: options.context, linger: 0 });
    await socket.bind(ENDPOINT);
    const handler = new ZapHandler(socket, options);
    handler.#answering = handler.#answer();
    return handler;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.#answering;
  }

  async #answer(): Promise<void> {
    try {
      for await (const frames of this.#socket) await this.#socket.send(this.#decide(frames));
    } catch (error) {
      // Nobody is admitted any more without an answer, which is what a closed socket means too.
      if (!this.#socket.closed) throw error;
    }
  }

  #decide([version, request, domain, address, _identity, mechanism, key]: readonly Buffer[]): (string | Buffer)[] {
    const name =
      String(version) === VERSION &&
      String(domain) === this.#options.domain &&
      String(mechanism) === 'CURVE' &&
      key?.length === KEY_BYTES
        ? this.#options.nameOf(keyOf(key))
        : undefined;
    const id = request ?? '';
    if (name !== undefined) return [VERSION, id, '200', 'OK', name, ''];
    this.#options.onRefused(String(address));
    return [VERSION, id, '400', 'not on the allow-list', '', ''];
  }
}
