import { ISSUANCE_LIMITS, type IssuanceLimits } from '../../server-stub/src/api/issuance-limits.js';
import type { CalendarQueue } from './calendar-queue.js';
import { SERVED, SIGNED } from './event-kinds.js';
import type { Caller, KeyManagerModel } from './key-manager-model.js';
import { NumberQueue, type MessagePool } from './message-pool.js';
import type { Scenario } from './scenario.js';
import { ServerQueue } from './server-queue.js';

/** Signatures under way of one replica; the place of one is `replica * PLACES + number`. */
const PLACES = 64;
/** More than there may be. */
const MAX_REPLICAS = 1024;
/** Set as the replica of a message that was lost with it. */
const LOST = -2;

export interface ServerEvents {
  /** The server has finished a message: `pool.issued` SVIDs of it were issued. */
  answered(message: number, now: number): void;
  /** The server is gone, and the message with it; nothing more is heard of it from the server. */
  lost(message: number, now: number): void;
  /** SVIDs were issued for `message`. */
  minted(message: number, count: number, now: number): void;
  /** SVIDs of `message` were refused: they would have to wait too long, or have. */
  shed(message: number, count: number, now: number): void;
  /** The keyset that signs now. */
  readonly activeKeyset: number;
}

interface Replica {
  readonly queue: ServerQueue;
  caller: Caller;
  /** Why it is away, counted: it may be lost twice. */
  away: number;
  /** How often it was lost; what an older process had begun is not heard of again. */
  life: number;
  /** Workers at work (memory), SVIDs under way (remote). */
  busy: number;
  /** Until then its processor is taken. */
  busyUntil: number;
  /** Calls to the key manager, those that pause included. */
  calling: number;
  /** Places whose signature waits for its turn to be called. */
  readonly asking: NumberQueue;
  readonly freePlaces: number[];
}

/** The replicas: each issues in the order of its queue, with keys in memory or by calls to a key manager. */
export class ServerModel {
  readonly #events: CalendarQueue;
  readonly #pool: MessagePool;
  readonly #keyManager: KeyManagerModel;
  readonly #tell: ServerEvents;
  readonly #limits: IssuanceLimits;
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
    this.#limits = { ...ISSUANCE_LIMITS, waiting: servers.waiting };
    this.#workers = servers.workers;
    this.#perItemMs = (1000 * servers.workers) / servers.capacity;
    this.#replicas = Array.from({ length: servers.replicas }, () => ({
      queue: new ServerQueue(pool, this.#limits, (message, why, now) => this.#dropped(message, why, now)),
      caller: keyManager.caller(),
      ...{ away: 0, life: 0, busy: 0, busyUntil: 0, calling: 0 },
      asking: new NumberQueue(),
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

  /** SVIDs that wait or are being issued, of all replicas. */
  waiting(now: number): number {
    return this.#replicas.reduce((sum, replica) => sum + replica.queue.items + this.#underWay(replica, now), 0);
  }

  arrive(message: number, now: number): void {
    const index = this.#pool.replica[message] ?? 0;
    const replica = this.#replicas[index] as Replica;
    if (replica.away > 0) {
      this.#tell.lost(message, now);
      return;
    }
    const asked = this.#pool.items[message] ?? 0;
    const taken = replica.queue.enter(message, this.#underWay(replica, now), now);
    if (taken < asked) this.#tell.shed(message, asked - taken, now);
    if (taken === 0) this.#tell.answered(message, now);
    else this.#start(index, now);
  }

  /** A replica goes away with all that it was asked. */
  lose(index: number, now: number): void {
    const replica = this.#replicas[index] as Replica;
    replica.away++;
    if (replica.away > 1) return;
    const lost = new Set<number>();
    replica.queue.clear((message) => lost.add(message));
    for (let place = index * PLACES; place < (index + 1) * PLACES; place++) {
      const message = this.#message[place] ?? -1;
      if (message >= 0) lost.add(message);
      this.#free(replica, place);
    }
    replica.freePlaces.length = 0;
    for (let i = PLACES - 1; i >= 0; i--) replica.freePlaces.push(i);
    while (replica.asking.size > 0) replica.asking.shift();
    // It comes back as a new process.
    replica.life++;
    replica.busy = 0;
    replica.busyUntil = 0;
    replica.calling = 0;
    replica.caller = this.#keyManager.caller();
    for (const message of lost) {
      this.#pool.replica[message] = LOST;
      this.#tell.lost(message, now);
    }
  }

  return(index: number): void {
    (this.#replicas[index] as Replica).away--;
  }

  /** A worker has issued what it had begun (keys in memory). `value`: what `#serve` scheduled. */
  served(value: number, now: number): void {
    const index = value % MAX_REPLICAS;
    const replica = this.#replicas[index] as Replica;
    if (replica.life !== Math.floor(value / MAX_REPLICAS)) return;
    replica.busy--;
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
    replica.calling--;
    if (outcome === 'signed') this.#issued(message, now);
    this.#ended(replica, place, now);
    this.#start(index, now);
  }

  #start(index: number, now: number): void {
    const replica = this.#replicas[index] as Replica;
    if (this.#keyManager.isRemote) this.#sign(index, replica, now);
    else while (replica.busy < this.#workers && this.#serve(index, replica, now));
  }

  /** A worker begins as many SVIDs as the server begins in one turn of its event loop; false when none waits. */
  #serve(index: number, replica: Replica, now: number): boolean {
    const most = this.#workers === 1 ? this.#limits.perTurn : 1;
    let count = 0;
    while (count < most) {
      const message = replica.queue.next(count, now + count * this.#perItemMs);
      if (message < 0) break;
      count++;
      const doneAt = now + count * this.#perItemMs;
      this.#issued(message, doneAt);
      replica.queue.ended(doneAt);
      this.#finished(replica, message, doneAt);
    }
    if (count === 0) return false;
    replica.busy++;
    replica.busyUntil = now + count * this.#perItemMs;
    this.#events.schedule(replica.busyUntil, SERVED, replica.life * MAX_REPLICAS + index);
    return true;
  }

  /** SVIDs get places while there are any; as many are called for at a time as the key manager bears. */
  #sign(index: number, replica: Replica, now: number): void {
    for (;;) {
      while (replica.busy < PLACES) {
        const message = replica.queue.next(replica.busy, now);
        if (message < 0) break;
        const free = replica.freePlaces.pop();
        if (free === undefined) throw new Error('no place for a signature');
        replica.busy++;
        this.#message[index * PLACES + free] = message;
        replica.asking.push(index * PLACES + free);
      }
      if (replica.asking.size === 0 || replica.calling >= replica.caller.limit.value) return;
      this.#ask(replica, replica.asking.shift(), now);
    }
  }

  #ask(replica: Replica, place: number, now: number): void {
    const message = this.#message[place] ?? -1;
    // Nothing is signed for a caller that has gone, and nothing is asked of a service that is down.
    if (this.#pool.awaited[message] === 0 || !replica.caller.circuit.admits(now)) {
      this.#ended(replica, place, now);
      return;
    }
    const startAt = Math.max(now, replica.busyUntil);
    replica.busyUntil = startAt + this.#perItemMs / this.#workers;
    replica.calling++;
    this.#attempt[place] = 1;
    this.#begunAt[place] = startAt;
    this.#call(place, startAt);
  }

  #call(place: number, now: number): void {
    const value = (place << 8) | (this.#calls[place] ?? 0);
    this.#events.schedule(this.#keyManager.endOfCall(now), SIGNED, value);
  }

  #issued(message: number, now: number): void {
    if (this.#pool.issued[message] === 0) this.#pool.keyset[message] = this.#tell.activeKeyset;
    this.#pool.issued[message] = (this.#pool.issued[message] ?? 0) + 1;
    this.#tell.minted(message, 1, now);
  }

  /** The signature of a place has ended, with or without an SVID. */
  #ended(replica: Replica, place: number, now: number): void {
    const message = this.#message[place] ?? -1;
    this.#free(replica, place);
    replica.busy--;
    replica.queue.ended(now);
    this.#finished(replica, message, now);
  }

  /** Calls that are still on their way for this place are not heard any more. */
  #free(replica: Replica, place: number): void {
    this.#message[place] = -1;
    this.#calls[place] = (this.#calls[place] ?? 0) + 1;
    replica.freePlaces.push(place % PLACES);
  }

  #dropped(message: number, why: 'late' | 'gone', now: number): void {
    const replica = this.#replicas[this.#pool.replica[message] ?? 0] as Replica;
    if (why === 'late') this.#tell.shed(message, 1, now);
    this.#finished(replica, message, now);
  }

  #finished(replica: Replica, message: number, now: number): void {
    const left = (this.#pool.pending[message] ?? 0) - 1;
    this.#pool.pending[message] = left;
    replica.queue.left(message, 1);
    if (left === 0) this.#tell.answered(message, now);
  }

  #underWay(replica: Replica, now: number): number {
    if (this.#keyManager.isRemote || this.#workers > 1) return replica.busy;
    return Math.max(0, Math.ceil((replica.busyUntil - now) / this.#perItemMs - 1e-9));
  }
}
