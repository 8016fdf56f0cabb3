const NONE = -1;

/** What a message asks for. */
export const RENEWAL = 0;
export const FIRST = 1;
/** Of a workload that is not one of the fleet's identities: only its waiting is looked at. */
export const PASSER_BY = 2;

/** Messages under way, as columns. Both sides let go of a message; then its place is used again. */
export class MessagePool {
  agent = new Int32Array(1024);
  /** First SVID; the others follow by `FleetState.next`. -1: none. */
  svid = new Int32Array(1024);
  /** SVIDs asked for. */
  items = new Int32Array(1024);
  kind = new Uint8Array(1024);
  sentAt = new Float64Array(1024);
  replica = new Int16Array(1024);
  /** SVIDs that the server took in and has not finished. */
  pending = new Int32Array(1024);
  /** SVIDs that were issued, from the front of the chain. */
  issued = new Int32Array(1024);
  /** SVIDs that the server took in and has not begun. */
  waiting = new Int32Array(1024);
  /** When it came to the server. */
  arrivedAt = new Float64Array(1024);
  /** How long a server that refused SVIDs of it asked to wait; 0: it did not. */
  retryAfterMs = new Float64Array(1024);
  /** The next message of the same agent in the same line. */
  behind = new Int32Array(1024);
  /** Keyset that signs. */
  keyset = new Uint8Array(1024);
  /** Whether a taint or removal is the reason. */
  wave = new Uint8Array(1024);
  /** How often the agent had been restarted when it sent this. */
  life = new Uint8Array(1024);
  /** The agent waits for the answer. */
  awaited = new Uint8Array(1024);
  /** Holders: the agent, until it has an answer or gives up; and what is on the wire or at the server. */
  #holders = new Uint8Array(1024);
  generation = new Uint32Array(1024);
  #nexts = new Int32Array(1024);
  #free = NONE;
  #used = 0;
  live = 0;

  open(kind: number, agent: number, svid: number, items: number, sentAt: number): number {
    const message = this.#take();
    this.agent[message] = agent;
    this.svid[message] = svid;
    this.items[message] = items;
    this.kind[message] = kind;
    this.sentAt[message] = sentAt;
    this.replica[message] = NONE;
    this.pending[message] = 0;
    this.issued[message] = 0;
    this.waiting[message] = 0;
    this.retryAfterMs[message] = 0;
    this.wave[message] = 0;
    this.awaited[message] = 1;
    this.#holders[message] = 2;
    this.live++;
    return message;
  }

  /** One of the two holders is done with the message. */
  letGo(message: number): void {
    const holders = (this.#holders[message] ?? 1) - 1;
    this.#holders[message] = holders;
    if (holders > 0) return;
    this.generation[message] = (this.generation[message] ?? 0) + 1;
    this.#nexts[message] = this.#free;
    this.#free = message;
    this.live--;
  }

  #take(): number {
    if (this.#free !== NONE) {
      const message = this.#free;
      this.#free = this.#nexts[message] ?? NONE;
      return message;
    }
    if (this.#used === this.agent.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const length = this.agent.length * 2;
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.agent = grown(new Int32Array(length), this.agent);
    this.svid = grown(new Int32Array(length), this.svid);
    this.items = grown(new Int32Array(length), this.items);
    this.kind = grown(new Uint8Array(length), this.kind);
    this.sentAt = grown(new Float64Array(length), this.sentAt);
    this.replica = grown(new Int16Array(length), this.replica);
    this.pending = grown(new Int32Array(length), this.pending);
    this.issued = grown(new Int32Array(length), this.issued);
    this.waiting = grown(new Int32Array(length), this.waiting);
    this.arrivedAt = grown(new Float64Array(length), this.arrivedAt);
    this.retryAfterMs = grown(new Float64Array(length), this.retryAfterMs);
    this.behind = grown(new Int32Array(length), this.behind);
    this.keyset = grown(new Uint8Array(length), this.keyset);
    this.wave = grown(new Uint8Array(length), this.wave);
    this.life = grown(new Uint8Array(length), this.life);
    this.awaited = grown(new Uint8Array(length), this.awaited);
    this.#holders = grown(new Uint8Array(length), this.#holders);
    this.generation = grown(new Uint32Array(length), this.generation);
    this.#nexts = grown(new Int32Array(length), this.#nexts);
  }
}

/** Whole numbers, first in, first out. */
export class NumberQueue {
  #values = new Float64Array(256);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get peek(): number {
    return this.#values[this.#head] ?? NaN;
  }

  push(value: number): void {
    if (this.#size === this.#values.length) {
      const grown = new Float64Array(this.#size * 2);
      for (let i = 0; i < this.#size; i++) grown[i] = this.#values[(this.#head + i) % this.#size] ?? 0;
      this.#values = grown;
      this.#head = 0;
    }
    this.#values[(this.#head + this.#size) % this.#values.length] = value;
    this.#size++;
  }

  shift(): number {
    const value = this.peek;
    this.#head = (this.#head + 1) % this.#values.length;
    this.#size--;
    return value;
  }
}
