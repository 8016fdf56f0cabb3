import type { PushQueue } from './push-queue.js';

/** The call that a stream belongs to. */
export interface MessageSink {
  /** `taken` is called when the message has left for the client's receive window. */
  send(message: Buffer, taken: () => void): void;
  fail(error: unknown): void;
}

/** Who may have what is sent. */
export interface Recipient {
  /** Throws when the caller is not any more who it was. */
  verify(): void;
}

/**
 * What one stream still has to be told. At most one message is on its way and at most one waits: a newer one takes the place
 * of the one that waits, and what the client has already got is not sent again.
 */
export class StreamOutbox {
  readonly #sink: MessageSink;
  readonly #queue: PushQueue;
  readonly #recipient: Recipient;
  #last: Buffer | undefined;
  #waiting: Buffer | undefined;
  #state: 'idle' | 'queued' | 'writing' | 'ended' = 'idle';

  /** `recipient` is verified before each message; if that throws, the call fails with it and nothing more is sent. */
  constructor(sink: MessageSink, queue: PushQueue, recipient: Recipient) {
    this.#sink = sink;
    this.#queue = queue;
    this.#recipient = recipient;
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
      this.#recipient.verify();
    } catch (error) {
      this.end();
      this.#sink.fail(error);
      return;
    }
    this.#waiting = undefined;
    this.#last = message;
    this.#state = 'writing';
    this.#sink.send(message, () => {
      if (this.#state !== 'writing') return;
      this.#state = 'idle';
      if (this.#waiting !== undefined) this.#enqueue();
    });
  }
}
