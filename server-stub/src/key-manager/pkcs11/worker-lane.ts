import { Worker } from 'node:worker_threads';
import type { LaneReply } from './lane-messages.js';
import type { AnswerTo, Lane, TokenCall } from './token-calls.js';
import { TokenError } from './token-failure.js';

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A session in a thread of its own: calls of a module block, even to begin a signature while another session is signing, and a
 * module that hangs must hold up neither the event loop nor the pool that files and host names go through.
 */
export class WorkerLane implements Lane {
  readonly #thread = new Worker(new URL('./worker/main.js', import.meta.url));
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended = false;

  constructor() {
    this.#thread.unref();
    this.#thread.on('message', (reply: LaneReply) => this.#settle(reply));
    const ended = (): void => this.#failAll();
    this.#thread.on('error', ended);
    this.#thread.on('exit', ended);
  }

  get ended(): boolean {
    return this.#ended;
  }

  call<C extends TokenCall>(call: C): Promise<AnswerTo<C>> {
    if (this.#ended) return Promise.reject(threadEnded());
    const number = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      // Whoever waits keeps the program alive, the thread alone does not.
      this.#thread.ref();
      this.#thread.postMessage({ number, call });
    });
  }

  close(): void {
    void this.#thread.terminate();
  }

  #settle(reply: LaneReply): void {
    const waiting = this.#waiting.get(reply.number);
    this.#waiting.delete(reply.number);
    if (this.#waiting.size === 0) this.#thread.unref();
    if ('fault' in reply) waiting?.reject(new TokenError(reply.fault));
    else waiting?.resolve(reply.answer as never);
  }

  #failAll(): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.values()) reject(threadEnded());
    this.#waiting.clear();
  }
}

function threadEnded(): TokenError {
  return new TokenError({ fate: 'lost', reason: 'the thread of the module ended' });
}
