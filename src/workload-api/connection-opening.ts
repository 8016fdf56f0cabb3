import type { Socket } from 'node:net';
import type { DeadlineQueue } from '../runtime/deadline-queue.js';
import type { Http2Opening } from './http2-opening.js';

/**
 * Reads what a new connection sends first and calls `handOver` once it is a proper HTTP/2 client, with everything it has sent
 * put back into the socket. What is no HTTP/2, or sends nothing for as long as `openings` allows, is closed.
 */
export function openConnection(
  socket: Socket,
  opening: Http2Opening,
  openings: DeadlineQueue,
  handOver: () => void,
): void {
  const pass = (): void => {
    inTime();
    // Still flowing, the socket would drop what is put back into it.
    socket.pause();
    socket.off('data', onData);
    socket.off('close', inTime);
    socket.unshift(opening.bytes);
    handOver();
  };
  const onData = (chunk: Buffer): void => {
    const { send, next } = opening.push(chunk);
    if (next === 'close') return void socket.destroy();
    for (const bytes of send) socket.write(bytes);
    if (next === 'hand-over') pass();
  };
  const inTime = openings.start(() => {
    // A client that connects ahead of its first request is let through; its requests are then taken as they come.
    if (opening.canHandOver && !socket.destroyed) pass();
    else socket.destroy();
  });

  socket.on('data', onData);
  socket.once('close', inTime);
}
