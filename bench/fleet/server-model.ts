import type { CalendarQueue } from './calendar-queue.js';
import { SERVED, SIGNED } from './event-kinds.js';
import type { Caller, KeyManagerModel } from './key-manager-model.js';
import type { MessagePool } from './message-pool.js';
import type { Scenario } from './scenario.js';
import { ServerQueue } from './server-queue.js';

/** Signatures under way of one replica; the place of one is `replica * PLACES + number`. */
const PLACES = 64;
/** Set as the replica of a message that was lost with it. */
const LOST = -2;

export interface ServerEvents {
  /** The server has finished a message: `pool.issued` SVIDs of it were issued. */
  answered(message: number, now: number): void;
  /** The server is gone, and the message with it; nothing more is heard of it from the server. */
  lost(message: number, now: number): void;
  /** SVIDs were issued for `message`. */
  minted(message: number, count: number, now: number): void;
  /** SVIDs of `message` were refused because too many wait. */
  shed(message: number, count: number, now: number): void;
  /** The keyset that signs now. */
  readonly activeKeyset: number;
}

interface Replica {
  readonly queue: ServerQueue;
  caller: Caller;
  /** Why it is away, counted: it may be lost twice. */
  away: number;
  /** Messages (memory) or signatures (remote) under way. */
  busy: number;
  /** Until then its processor is taken (remote). */
  busyUntil: number;
  /** Messages being issued (memory). */
  readonly inService: Set<number>;
  readonly freePlaces: number[];
}

/** The replicas: each issues in the order of its queue, with keys in memory or by calls to a key manager. */
export class ServerModel {
  readonly #events: CalendarQueue;
  readonly #pool: MessagePool;
  readonly #keyManager: KeyManagerModel;
  readonly #tell: ServerEvents;
  readonly #replicas: Replica[];
  readonly #workers: number;
  readonly #perItemMs: number;
  /** Signatures under way, by place. */
  readonly #message: Int32Array;
  readonly #attempt: Uint16Array;
  readonly #begunAt: Float64Array;
  readonly #calls: Uint8Array;

  constructor(
    servers: Scenario['servers'],
    events: CalendarQueue,
    pool: MessagePool,
    keyManager: KeyManagerModel,
    tell: ServerEvents,
  ) {
    this.#events = events;
    this.#pool = pool;
    this.#keyManager = keyManager;
    this.#tell = tell;
    this.#workers = servers.workers;
    this.#perItemMs = (1000 * servers.workers) / servers.capacity;
    this.#replicas = Array.from({ length: servers.replicas }, () => ({
      queue: new ServerQueue(pool, servers.waiting),
      caller: keyManager.caller(),
      away: 0,
      busy: 0,
      busyUntil: 0,
      inService: new Set(),
      freePlaces: Array.from({ length: PLACES }, (_, i) => PLACES - 1 - i),
    }));
    this.#message = new Int32Array(servers.replicas * PLACES).fill(-1);
    this.#attempt = new Uint16Array(servers.replicas * PLACES);
    this.#begunAt = new Float64Array(servers.replicas * PLACES);
    this.#calls = new Uint8Array(servers.replicas * PLACES);
  }

  /** Replicas that answer. */
  alive(): number[] {
    return this.#replicas.flatMap(({ away }, index) => (away === 0 ? [index] : []));
  }

  isAlive(replica: number): boolean {
    return this.#replicas[replica]?.away === 0;
  }

  /** SVIDs that wait or are being issued, of all replicas. */
  get waiting(): number {
    return this.#replicas.reduce((sum, { queue, busy, inService }) => {
      let issuing = this.#keyManager.isRemote ? busy : 0;
      for (const message of inService) issuing += this.#pool.pending[message] ?? 0;
      return sum + queue.items + issuing;
    }, 0);
  }

  arrive(message: number, now: number): void {
    const index = this.#pool.replica[message] ?? 0;
    const replica = this.#replicas[index] as Replica;
    if (replica.away > 0) {
      this.#tell.lost(message, now);
      return;
    }
    const asked = this.#pool.items[message] ?? 0;
    const taken = replica.queue.enter(message);
    if (taken < asked) this.#tell.shed(message, asked - taken, now);
    if (taken === 0) this.#tell.answered(message, now);
    else this.#start(index, now);
  }

  /** A replica goes away with all that it was asked. */
  lose(index: number, now: number): void {
    const replica = this.#replicas[index] as Replica;
    replica.away++;
    if (replica.away > 1) return;
    const lost = new Set(replica.inService);
    replica.queue.clear((message) => lost.add(message));
    replica.inService.clear();
    for (let place = index * PLACES; place < (index + 1) * PLACES; place++) {
      const message = this.#message[place] ?? -1;
      if (message >= 0) lost.add(message);
      this.#free(replica, place);
    }
    replica.freePlaces.length = 0;
    for (let i = PLACES - 1; i >= 0; i--) replica.freePlaces.push(i);
    replica.busy = 0;
    // It comes back as a new process.
    replica.caller = this.#keyManager.caller();
    for (const message of lost) {
      this.#pool.replica[message] = LOST;
      this.#tell.lost(message, now);
    }
  }

  return(index: number): void {
    const replica = this.#replicas[index] as Replica;
    replica.away--;
    replica.busyUntil = 0;
  }

  /** A message was issued (keys in memory). */
  served(message: number, now: number): void {
    const index = this.#pool.replica[message] ?? 0;
    const replica = this.#replicas[index];
    if (replica?.inService.delete(message) !== true) return;
    replica.busy--;
    const count = this.#pool.pending[message] ?? 0;
    this.#pool.issued[message] = count;
    this.#pool.pending[message] = 0;
    this.#tell.minted(message, count, now);
    this.#tell.answered(message, now);
    this.#start(index, now);
  }

  /** A call to the key manager ended. `value`: what `#call` scheduled. */
  signed(value: number, now: number): void {
    const [place, call] = [value >>> 8, value & 0xff];
    const message = this.#message[place] ?? -1;
    if (message < 0 || this.#calls[place] !== call) return;
    const index = Math.floor(place / PLACES);
    const replica = this.#replicas[index] as Replica;
    const attempt = this.#attempt[place] ?? 1;
    const outcome = this.#keyManager.ended(replica.caller, attempt, this.#begunAt[place] ?? 0, now);
    if (typeof outcome === 'number' && this.#pool.awaited[message] === 1) {
      this.#attempt[place] = attempt + 1;
      this.#call(place, outcome);
      return;
    }
    this.#free(replica, place);
    replica.busy--;
    if (outcome === 'signed') {
      this.#pool.issued[message] = (this.#pool.issued[message] ?? 0) + 1;
      this.#tell.minted(message, 1, now);
    }
    this.#finished(message, 1, now);
    this.#start(index, now);
  }

  #start(index: number, now: number): void {
    const replica = this.#replicas[index] as Replica;
    for (let message = replica.queue.front(); message >= 0; message = replica.queue.front()) {
      if (this.#pool.awaited[message] === 0) {
        // Nothing is signed for a caller that has gone.
        const left = this.#pool.waiting[message] ?? 0;
        replica.queue.begun(left);
        this.#finished(message, left, now);
      } else if (this.#keyManager.isRemote) {
        if (!this.#sign(index, replica, message, now)) return;
      } else {
        if (replica.busy >= this.#workers) return;
        this.#serve(replica, message, now);
      }
    }
  }

  #serve(replica: Replica, message: number, now: number): void {
    const count = this.#pool.waiting[message] ?? 0;
    replica.queue.begun(count);
    replica.busy++;
    replica.inService.add(message);
    this.#pool.keyset[message] = this.#tell.activeKeyset;
    this.#events.schedule(now + count * this.#perItemMs, SERVED, message);
  }

  /** Begins one signature; false when there is no place for it. */
  #sign(index: number, replica: Replica, message: number, now: number): boolean {
    if (replica.busy >= Math.min(PLACES, replica.caller.limit.value)) return false;
    if (this.#pool.waiting[message] === this.#pool.pending[message]) {
      this.#pool.keyset[message] = this.#tell.activeKeyset;
    }
    replica.queue.begun(1);
    if (!replica.caller.circuit.admits(now)) {
      this.#finished(message, 1, now);
      return true;
    }
    const free = replica.freePlaces.pop();
    if (free === undefined) throw new Error('no place for a signature');
    const place = index * PLACES + free;
    const startAt = Math.max(now, replica.busyUntil);
    replica.busyUntil = startAt + this.#perItemMs / this.#workers;
    replica.busy++;
    this.#message[place] = message;
    this.#attempt[place] = 1;
    this.#begunAt[place] = startAt;
    this.#call(place, startAt);
    return true;
  }

  #call(place: number, now: number): void {
    const value = (place << 8) | (this.#calls[place] ?? 0);
    this.#events.schedule(this.#keyManager.endOfCall(now), SIGNED, value);
  }

  /** Calls that are still on their way for this place are not heard any more. */
  #free(replica: Replica, place: number): void {
    this.#message[place] = -1;
    this.#calls[place] = (this.#calls[place] ?? 0) + 1;
    replica.freePlaces.push(place % PLACES);
  }

  #finished(message: number, count: number, now: number): void {
    const left = (this.#pool.pending[message] ?? 0) - count;
    this.#pool.pending[message] = left;
    if (left === 0) this.#tell.answered(message, now);
  }
}
