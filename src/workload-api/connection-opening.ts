import type { Socket } from 'node:net';
import type { Clock } from '../runtime/clock.js';
import { ENDED } from '../runtime/ended.js';
import { Http2Opening, type AuthorityHandling } from './http2-opening.js';

export interface OpeningOptions {
  readonly authority: AuthorityHandling;
  /** How long a connection may take to send its HTTP/2 preface and, where it is looked at, its first request. */
  readonly openingMs: number;
  readonly clock: Clock;
}

/**
 * Reads what a new connection sends first and calls `handOver` once it is a proper HTTP/2 client, with everything it has sent
 * put back into the socket. What is no HTTP/2, or sends nothing for `openingMs`, is closed.
 */
export function openConnection(socket: Socket, options: OpeningOptions, handOver: () => void): void {
  const opening = new Http2Opening(options.authority);
  const done = new AbortController();

  const pass = (): void => {
    done.abort(ENDED);
    // Still flowing, the socket would drop what is put back into it.
    socket.pause();
    socket.off('data', onData);
    socket.off('close', onClose);
    socket.unshift(opening.bytes);
    handOver();
  };
  const onData = (chunk: Buffer): void => {
    const { send, next } = opening.push(chunk);
    if (next === 'close') return void socket.destroy();
    for (const bytes of send) socket.write(bytes);
    if (next === 'hand-over') pass();
  };
  const onClose = (): void => done.abort(ENDED);

  socket.on('data', onData);
  socket.once('close', onClose);
  options.clock.sleep(options.openingMs, done.signal).then(
    () => {
      // A client that connects ahead of its first request is let through; its requests are then taken as they come.
      if (opening.canHandOver && !socket.destroyed) pass();
      else socket.destroy();
    },
    () => {},
  );
}
