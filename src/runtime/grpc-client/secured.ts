import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.js';
import { timeLimit } from '../time-limit.js';
import { unavailable } from './rpc-failure.js';

export interface SecuredOptions {
  readonly clock: Clock;
  /** How long the handshake may take. */
  readonly connectMs: number;
  /** Aborts when nobody needs the connection any more. */
  readonly closed: AbortSignal;
}

/** Resolves when the handshake of `socket` is done and `h2` agreed. Rejects with RpcFailure, and the socket is gone then. */
export function secured(socket: TLSSocket, { clock, connectMs, closed }: SecuredOptions): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const over = (): void => {
      inTime();
      closed.removeEventListener('abort', stop);
      socket.off('close', lost);
      socket.off('error', fail);
    };
    const fail = (error: unknown): void => {
      over();
      // A second error, while the socket is being torn down, tells nobody anything.
      socket.on('error', () => {});
      socket.destroy();
      reject(unavailable(error));
    };
    const lost = (): void => fail(new Error('the connection was closed before it was ready'));
    const stop = (): void => fail(closed.reason);
    const inTime = timeLimit(connectMs, clock, () => fail(new Error('no connection in time')));
    closed.addEventListener('abort', stop, { once: true });
    socket.once('error', fail);
    socket.once('close', lost);
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') {
        fail(new Error('the server does not speak HTTP/2'));
        return;
      }
      over();
      resolve();
    });
  });
}
