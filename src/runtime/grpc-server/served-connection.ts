import type { Socket } from 'node:net';
import type { DeadlineQueue } from '../deadline-queue.js';
import { Http2Connection, type ConnectionEvents, type ConnectionParts } from '../http2/connection.js';
import type { HeaderFields } from '../http2/request-headers.js';
import type { Http2Stream } from '../http2/stream.js';
import type { CallConnection } from './served-call.js';

/** How long connections live, and how long they may take. */
export interface ConnectionTimes {
  /** Time until the client has begun to speak HTTP/2. */
  readonly opening: DeadlineQueue;
  /** Time without any sign of life after which the client is asked for one. */
  readonly silent: DeadlineQueue;
  /** Time that its answer may take; also that until it closes its end of a connection that we have ended. */
  readonly answer: DeadlineQueue;
  /** Time without calls after which the connection is closed. */
  readonly idle: DeadlineQueue;
}

export interface ServedConnectionParts extends ConnectionParts {
  readonly times: ConnectionTimes;
}

export interface ServedConnectionEvents {
  request(stream: Http2Stream, headers: HeaderFields, connection: ServedConnection): void;
  closed(connection: ServedConnection): void;
}

const nothing = (): void => {};

/** An HTTP/2 connection that notices when its client has stopped, needs it no longer, or never was one. */
export class ServedConnection implements ConnectionEvents, CallConnection {
  readonly peer: object;
  collected = 0;
  readonly #socket: Socket;
  readonly #http2: Http2Connection;
  readonly #times: ConnectionTimes;
  readonly #events: ServedConnectionEvents;
  /** Takes back the limit of what is waited for at present: the first bytes, a sign of life, an answer, or the end. */
  #alive: () => void;
  #inUse = nothing;
  /** Whether an answer to a ping is still to come. */
  #asked = false;

  /** Takes the socket over; errors of it are listened to by its owner. */
  constructor(socket: Socket, parts: ServedConnectionParts, peer: object, events: ServedConnectionEvents) {
    this.peer = peer;
    this.#socket = socket;
    this.#times = parts.times;
    this.#events = events;
    this.#alive = this.#times.opening.start(() => this.destroy());
    this.#http2 = new Http2Connection(socket, parts, this);
  }

  /** Takes no new calls; closes when the last one has ended. */
  leave(): void {
    this.#http2.leave();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  opened(): void {
    this.#alive();
    this.#untilSilent();
    this.#inUse = this.#untilIdle();
  }

  used(): void {
    this.#inUse();
  }

  unused(): void {
    this.#inUse = this.#untilIdle();
  }

  request(stream: Http2Stream, headers: HeaderFields): void {
    this.#events.request(stream, headers, this);
  }

  ponged(): void {
    if (!this.#asked) return;
    this.#asked = false;
    this.#alive();
    this.#untilSilent();
  }

  closing(): void {
    this.#inUse();
    this.#alive();
    this.#asked = false;
    this.#alive = this.#times.answer.start(() => this.destroy());
  }

  closed(): void {
    this.#inUse();
    this.#alive();
    this.#events.closed(this);
  }

  #untilIdle(): () => void {
    return this.#times.idle.start(() => this.leave());
  }

  #untilSilent(): void {
    this.#alive = this.#times.silent.start(() => {
      this.#asked = true;
      this.#alive = this.#times.answer.start(() => this.destroy());
      this.#http2.ping();
    });
  }
}
