import type { KeyManagerModel } from './key-manager-model.js';
import { NumberQueue, RENEWAL, type MessagePool } from './message-pool.js';
import type { NetworkModel } from './network-model.js';
import type { Reason, Recorder } from './recorder.js';
import type { ServerEvents, ServerModel } from './server-model.js';

export interface ExchangeParts {
  readonly pool: MessagePool;
  readonly recorder: Recorder;
  readonly network: NetworkModel;
  readonly servers: ServerModel;
  readonly keyManager: KeyManagerModel;
  /** How long an agent waits for an answer, milliseconds. */
  readonly deadlineMs: number;
  /** A message has its answer, or none in time; `issued`: how many of its SVIDs. */
  readonly settled: (message: number, issued: number, now: number) => void;
}

/** A message's way from being sent until its sender has an answer or gives up. */
export class Exchange {
  readonly #parts: ExchangeParts;
  /** Messages in the order in which their agents give up, and their generations. */
  readonly #deadlines = new NumberQueue();
  readonly #generations = new NumberQueue();

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  send(message: number, now: number): void {
    const { recorder, pool, network } = this.#parts;
    recorder.add(recorder.asked, now, pool.items[message] ?? 0);
    this.#deadlines.push(message);
    this.#generations.push(pool.generation[message] ?? 0);
    network.send(message, now);
  }

  arrive(message: number, now: number): void {
    if (this.#parts.network.arrived(message)) this.#parts.servers.arrive(message, now);
  }

  /** A call to the key manager ended. */
  signed(value: number, now: number): void {
    const { recorder, keyManager, servers } = this.#parts;
    const { calls, throttled } = keyManager;
    servers.signed(value, now);
    recorder.add(recorder.signatures, now, keyManager.calls - calls);
    recorder.add(recorder.throttled, now, keyManager.throttled - throttled);
  }

  answer(message: number, now: number): void {
    const { recorder, pool, network } = this.#parts;
    // Lost on the way back: the agent gives up in its own time.
    const heard = pool.awaited[message] === 1 && !network.isCut(pool.agent[message] ?? 0);
    if (heard) {
      const issued = pool.issued[message] ?? 0;
      const latency = pool.kind[message] === RENEWAL ? recorder.renewalLatency : recorder.firstLatency;
      if (issued > 0) latency.add(Math.floor(now / 1000), now - (pool.sentAt[message] ?? 0), issued);
      this.#settle(message, issued, now);
    }
    pool.letGo(message);
  }

  /** What has waited as long as an agent waits: the answer, if one comes, is not heard. */
  giveUpLate(now: number): void {
    const { recorder, pool, deadlineMs } = this.#parts;
    while (this.#deadlines.size > 0) {
      const message = this.#deadlines.peek;
      const waits = pool.generation[message] === this.#generations.peek && pool.awaited[message] === 1;
      const dueAt = (pool.sentAt[message] ?? 0) + deadlineMs;
      if (waits && dueAt > now) return;
      this.#deadlines.shift();
      this.#generations.shift();
      if (!waits) continue;
      const items = pool.items[message] ?? 0;
      recorder.totals.timedOut += items;
      recorder.totals.wasted += pool.issued[message] ?? 0;
      recorder.add(recorder.failed, dueAt, items);
      this.#settle(message, 0, now);
    }
  }

  #settle(message: number, issued: number, now: number): void {
    const { pool, settled } = this.#parts;
    pool.awaited[message] = 0;
    settled(message, issued, now);
    pool.letGo(message);
  }
}

/** What servers tell goes into the record, and answers go back. */
export function serverEvents(
  {
    pool,
    recorder,
    answer,
  }: Pick<ExchangeParts, 'pool' | 'recorder'> & { readonly answer: (message: number, now: number) => void },
  activeKeyset: () => number,
): ServerEvents {
  const reasonOf = (message: number): Reason => {
    if (pool.kind[message] !== RENEWAL) return 'first';
    return pool.wave[message] === 1 ? 'wave' : 'ordinary';
  };
  return {
    answered: answer,
    lost: (message, now) => {
      recorder.totals.lost += pool.items[message] ?? 0;
      pool.issued[message] = 0;
      answer(message, now);
    },
    minted: (message, count, now) => {
      recorder.add(recorder.minted[reasonOf(message)], now, count);
      if (pool.awaited[message] === 0) recorder.totals.wasted += count;
    },
    shed: (_message, count, now) => {
      recorder.totals.shed += count;
      recorder.add(recorder.failed, now, count);
    },
    get activeKeyset() {
      return activeKeyset();
    },
  };
}
