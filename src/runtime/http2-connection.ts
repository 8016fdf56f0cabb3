import {
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { DeadlineQueue } from './deadline-queue.js';

/** How long connections live. */
export interface ConnectionLimits {
  readonly streams: number;
  /** Time without any sign of life after which the client is asked for one. */
  readonly silent: DeadlineQueue;
  /** Time that its answer may take. */
  readonly answer: DeadlineQueue;
  /** Time without calls after which the connection is closed. */
  readonly idle: DeadlineQueue;
}

export interface ConnectionEvents {
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: Http2Connection): void;
  closed(connection: Http2Connection): void;
}

/** A client that is not told may send more, which the library drops without a word, so that it waits for ever. */
const MAX_HEADER_LIST_BYTES = 64 * 1024;

/** One for all: a closure for each connection would be kept as long as it. */
const ignore = (): void => {};

/** An HTTP/2 connection that notices when its client has stopped or needs it no longer. */
export class Http2Connection {
  readonly peer: object;
  readonly #socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #limits: ConnectionLimits;
  #calls = 0;
  #inUse: () => void;
  #alive: () => void;

  constructor(socket: Socket, peer: object, limits: ConnectionLimits, events: ConnectionEvents) {
    this.peer = peer;
    this.#socket = socket;
    this.#limits = limits;
    this.#session = performServerHandshake(socket, {
      settings: { maxConcurrentStreams: limits.streams, maxHeaderListSize: MAX_HEADER_LIST_BYTES },
    });
    // What a client does wrong costs it its connection, and nobody else anything.
    this.#session.on('error', ignore);
    this.#session.on('stream', (stream, headers) => events.stream(stream, headers, this));
    this.#inUse = this.#untilIdle();
    this.#alive = this.#untilSilent();
    socket.once('close', () => {
      this.#inUse();
      this.#alive();
      events.closed(this);
    });
  }

  /** A call begins; the function it returns says that it has ended. */
  called(): () => void {
    if (this.#calls++ === 0) this.#inUse();
    return () => {
      if (--this.#calls === 0 && !this.#socket.destroyed) this.#inUse = this.#untilIdle();
    };
  }

  /** Takes no new calls; closes when the last one has ended. */
  leave(): void {
    this.#session.close();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #untilIdle(): () => void {
    return this.#limits.idle.start(() => this.leave());
  }

  #untilSilent(): () => void {
    return this.#limits.silent.start(() => this.#ping());
  }

  #ping(): void {
    if (this.#session.destroyed) return;
    const answered = this.#limits.answer.start(() => this.destroy());
    this.#alive = answered;
    this.#session.ping((error) => {
      answered();
      if (error === null && !this.#socket.destroyed) this.#alive = this.#untilSilent();
    });
  }
}
