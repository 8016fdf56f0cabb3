import { SpirlError } from '../errors.js';
import type { MessageReader } from '../grpc-frame.js';
import type { RpcConversation } from '../rpc-method.js';

export interface ConversationInputEvents {
  /** A message is complete. */
  received(): void;
  /** So many bytes of what came are needed no longer. */
  consumed(bytes: number): void;
  /** What the client sent, or what was made of it, ends the call. */
  failed(error: unknown): void;
}

/**
 * What a client says in a conversation: one message after the other, each when the one before it is dealt with. What comes meanwhile
 * waits here, and is no more than the client may send ahead.
 */
export class ConversationInput {
  readonly #reader: MessageReader;
  readonly #conversation: RpcConversation;
  readonly #events: ConversationInputEvents;
  /** Bytes that have come and are not given back yet. */
  #held = 0;
  #busy = false;
  #ended = false;
  #over = false;

  constructor(reader: MessageReader, conversation: RpcConversation, events: ConversationInputEvents) {
    this.#reader = reader;
    this.#conversation = conversation;
    this.#events = events;
  }

  push(chunk: Buffer): void {
    if (this.#over) return;
    this.#held += chunk.length;
    this.#reader.push(chunk);
    this.#deal();
  }

  /** The client has nothing more to say. */
  end(): void {
    this.#ended = true;
    this.#deal();
  }

  over(): void {
    if (this.#over) return;
    this.#over = true;
    this.#conversation.over();
  }

  #deal(): void {
    try {
      while (!this.#busy && !this.#over) {
        const message = this.#reader.next();
        if (message === undefined) {
          this.#rest();
          return;
        }
        this.#events.received();
        this.#wait(this.#conversation.message(message));
      }
    } catch (error) {
      this.#events.failed(error);
    }
  }

  /** Everything that is complete is dealt with; what is not is kept and bounded by the reader. */
  #rest(): void {
    const held = this.#held;
    this.#held = 0;
    this.#events.consumed(held);
    if (!this.#ended) return;
    if (this.#reader.inside) throw new SpirlError('INVALID_REQUEST', 'request: it ends within a message');
    this.#conversation.halfClosed();
  }

  #wait(dealt: Promise<void> | void): void {
    if (dealt === undefined) return;
    this.#busy = true;
    dealt.then(
      () => {
        this.#busy = false;
        this.#deal();
      },
      (error: unknown) => this.#events.failed(error),
    );
  }
}
