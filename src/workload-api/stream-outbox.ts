import type { PushQueue } from './push-queue.js';

/** The writing half of a stream. `sent` is called when the message has left for the client's receive window. */
export interface MessageSink {
  write(message: Buffer, sent: () => void): unknown;
}

/**
 * What one stream still has to be told. At most one message is on its way and at most one waits: a newer one takes the place
 * of the one that waits, and what the client has already got is not sent again.
 */
export class StreamOutbox {
  readonly #sink: MessageSink;
  readonly #queue: PushQueue;
  readonly #beforeSend: () => void;
  readonly #fail: (error: unknown) => void;
  #last: Buffer | undefined;
  #waiting: Buffer | undefined;
  #state: 'idle' | 'queued' | 'writing' | 'ended' = 'idle';

  /** `beforeSend` runs before each message; what it throws goes to `fail` and nothing more is sent. */
  constructor(sink: MessageSink, queue: PushQueue, beforeSend: () => void, fail: (error: unknown) => void) {
    this.#sink = sink;
    this.#queue = queue;
    this.#beforeSend = beforeSend;
    this.#fail = fail;
  }

  /** Never throws. The first message of a stream is written at once, later ones take their turn. */
  offer(message: Buffer): void {
    if (this.#last !== undefined && (message === this.#last || message.equals(this.#last))) {
      this.#waiting = undefined;
      return;
    }
    this.#waiting = message;
    if (this.#last === undefined) this.#send();
    else this.#enqueue();
  }

  /** Nothing is sent after this. */
  end(): void {
    this.#state = 'ended';
    this.#waiting = undefined;
    this.#last = undefined;
  }

  #enqueue(): void {
    if (this.#state !== 'idle') return;
    this.#state = 'queued';
    this.#queue.add(() => {
      if (this.#state === 'ended') return;
      this.#state = 'idle';
      this.#send();
    });
  }

  #send(): void {
    const message = this.#waiting;
    if (message === undefined || this.#state !== 'idle') return;
    try {
      this.#beforeSend();
    } catch (error) {
      this.end();
      this.#fail(error);
      return;
    }
    this.#waiting = undefined;
    this.#last = message;
    this.#state = 'writing';
    this.#sink.write(message, () => {
      if (this.#state !== 'writing') return;
      this.#state = 'idle';
      if (this.#waiting !== undefined) this.#enqueue();
    });
  }
}
