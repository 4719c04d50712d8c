import { GantryError } from '@gantry/common';
import { generateKeyPair, type KeyPair } from '@gantry/common/keys';
import { Dealer, Router, type SocketOptions } from 'zeromq';
import { HANDSHAKE_MS } from './constants.js';

type Answer = 'admitted' | 'refused' | 'silence';

/**
 * Knocks at a socket of these options, on a port of the loopback of its own: an unknown key has to be refused and a known one
 * admitted. A handler that does not run, or a library that does not ask it, is found here and not by a stranger.
 *
 * @throws GantryError GANTRY_INTERNAL
 */
export async function testGuard(options: {
  readonly socketOptions: SocketOptions<Router>;
  readonly serverKey: string;
  readonly known: KeyPair;
}): Promise<void> {
  const { serverKey, known } = options;
  const router = new Router({ ...options.socketOptions, linger: 0, handshakeInterval: HANDSHAKE_MS });
  try {
    await router.bind('tcp://127.0.0.1:*');
    const knock = (pair: KeyPair): Promise<Answer> => answerTo(pair, serverKey, router.lastEndpoint!);
    const [stranger, friend] = await Promise.all([knock(generateKeyPair()), knock(known)]);
    if (stranger === 'refused' && friend === 'admitted') return;
    throw new GantryError(
      'GANTRY_INTERNAL',
      `authentication does not work on this machine (an unknown key: ${stranger}, a known one: ${friend}); nothing was started`,
    );
  } finally {
    router.close();
  }
}

async function answerTo({ publicKey, secretKey }: KeyPair, serverKey: string, endpoint: string): Promise<Answer> {
  const dealer = new Dealer({
    linger: 0,
    curvePublicKey: publicKey,
    curveSecretKey: secretKey,
    curveServerKey: serverKey,
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Answer>((resolve) => {
      dealer.events.on('handshake', () => resolve('admitted'));
      dealer.events.on('handshake:error:auth', () => resolve('refused'));
      timer = setTimeout(() => resolve('silence'), HANDSHAKE_MS);
      dealer.connect(endpoint);
    });
  } finally {
    clearTimeout(timer);
    dealer.close();
  }
}
