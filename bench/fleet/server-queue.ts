import { DrainRate } from '../../server-stub/src/api/drain-rate.js';
import {
  type IssuanceLimits,
  itemsAhead,
  patienceMs,
  RENEWAL_EVERY,
  retryAfterMs,
} from '../../server-stub/src/api/issuance-limits.js';
import { RENEWAL, type MessagePool } from './message-pool.js';
import { Ring } from './ring.js';

const NONE = -1;

/** What waits of one agent in one line: its messages, which follow each other by `MessagePool.behind`. */
interface Own {
  head: number;
  tail: number;
  /** SVIDs. */
  count: number;
}

interface OfAgent {
  readonly lines: readonly [first: Own, renewals: Own];
  /** SVIDs waiting or under way. */
  pending: number;
}

interface Line {
  readonly turns: Ring<OfAgent>;
  /** SVIDs that wait. */
  size: number;
}

/** Told of each SVID that waited too long, or whose caller has gone, when its turn comes. */
type Dropped = (message: number, why: 'late' | 'gone', now: number) => void;

/**
 * What waits at one replica, as the server's IssuanceQueue keeps it: agents in turn, first issues before renewals, nothing that would
 * have to wait too long. Limits, expectations and patience are the server's own functions; here is the same order on columns.
 */
export class ServerQueue {
  readonly #pool: MessagePool;
  readonly #limits: IssuanceLimits;
  readonly #dropped: Dropped;
  readonly #lines: readonly [first: Line, renewals: Line];
  readonly #agents = new Map<number, OfAgent>();
  readonly #drain = new DrainRate();
  #started = 0;

  /** `dropped` is told of each SVID that waited too long, or whose caller has gone, when its turn comes. */
  constructor(pool: MessagePool, limits: IssuanceLimits, dropped: Dropped) {
    this.#pool = pool;
    this.#limits = limits;
    this.#dropped = dropped;
    const line = (): Line => ({ turns: new Ring(), size: 0 });
    this.#lines = [line(), line()];
  }

  /** SVIDs that wait. */
  get items(): number {
    return this.#lines[0].size + this.#lines[1].size;
  }

  /** Takes in what is let in of a message, and returns how many SVIDs that are. `underWay`: SVIDs that are being issued. */
  enter(message: number, underWay: number, now: number): number {
    const pool = this.#pool;
    const agent = pool.agent[message] ?? 0;
    const renewal = pool.kind[message] === RENEWAL;
    const of = this.#at(agent);
    const [own, line] = renewal ? [of.lines[1], this.#lines[1]] : [of.lines[0], this.#lines[0]];
    const places = this.items > 0 ? 0 : Math.max(0, this.#limits.concurrency - underWay);
    let taken = 0;
    for (let asked = pool.items[message] ?? 0; asked > 0; asked--) {
      if (of.pending >= this.#limits.perAgent) continue;
      const ahead = this.#ahead(own, renewal, places);
      if (taken >= places && this.#refuses(message, ahead, { places, underWay, now })) continue;
      if (taken++ === 0) this.#append(own, message);
      if (own.count++ === 0) line.turns.push(of);
      line.size++;
      of.pending++;
    }
    if (taken > places) this.#drain.busy(now);
    pool.arrivedAt[message] = now;
    pool.pending[message] = taken;
    pool.waiting[message] = taken;
    if (of.pending === 0) this.#agents.delete(agent);
    return taken;
  }

  /** The message whose SVID is begun now; -1: none waits. */
  next(underWay: number, now: number): number {
    while (this.items > 0) {
      const renewalsTurn = this.#started % RENEWAL_EVERY === RENEWAL_EVERY - 1;
      const [first, renewal] = this.#lines;
      const message =
        first.size > 0 && !(renewalsTurn && renewal.size > 0) ? this.#shift(first, 0) : this.#shift(renewal, 1);
      if (this.items === 0) this.#drain.idle();
      if (this.#pool.awaited[message] === 0) {
        this.#dropped(message, 'gone', now);
      } else if (now - (this.#pool.arrivedAt[message] ?? 0) > this.#patience(underWay, now)) {
        this.#told(message, retryAfterMs(this.#limits.waitMs, this.#limits));
        this.#dropped(message, 'late', now);
      } else {
        this.#started++;
        return message;
      }
    }
    return NONE;
  }

  /** An SVID that was begun has ended. */
  ended(now: number): void {
    if (this.items > 0) this.#drain.left(now);
  }

  /** SVIDs of a message are neither waiting nor under way any more. */
  left(message: number, count: number): void {
    const agent = this.#pool.agent[message] ?? 0;
    const of = this.#agents.get(agent);
    if (of === undefined) return;
    of.pending -= count;
    if (of.pending <= 0) this.#agents.delete(agent);
  }

  /** Empties the queue, as a new process begins; `each` gets every message that waited. */
  clear(each: (message: number) => void): void {
    for (const of of this.#agents.values()) {
      for (const { head } of of.lines) {
        for (let message = head; message !== NONE; message = this.#pool.behind[message] ?? NONE) each(message);
      }
    }
    this.#agents.clear();
    for (const line of this.#lines) {
      line.turns.clear();
      line.size = 0;
    }
    this.#drain.idle();
  }

  /** Whether one more SVID would have to wait too long, as the server reckons; if so, its agent is told when to come again. */
  #refuses(message: number, ahead: number, at: { places: number; underWay: number; now: number }): boolean {
    const perSecond = this.#drain.at(at.now);
    const expectedMs = perSecond === undefined ? 0 : (ahead * 1000) / perSecond;
    const most = Math.min(this.#limits.doorMs, patienceMs(this.#limits, at.underWay, perSecond));
    if (expectedMs <= most && this.items - at.places < this.#limits.waiting) return false;
    this.#told(message, retryAfterMs(expectedMs, this.#limits));
    return true;
  }

  /** SVIDs that are begun before one more; `places`: so many of the line are begun at this moment, they do not count. */
  #ahead(own: Own, renewal: boolean, places: number): number {
    const [same, other] = renewal ? [this.#lines[1], this.#lines[0]] : [this.#lines[0], this.#lines[1]];
    const urgency = renewal ? 'renewal' : 'first';
    if (places > 0) return itemsAhead(urgency, Math.max(0, same.size - places), 0);
    return itemsAhead(urgency, Math.min(same.size, (own.count + 1) * same.turns.size), other.size);
  }

  #told(message: number, waitMs: number): void {
    this.#pool.retryAfterMs[message] = Math.max(this.#pool.retryAfterMs[message] ?? 0, waitMs);
  }

  #patience(underWay: number, now: number): number {
    return patienceMs(this.#limits, underWay, this.#drain.at(now));
  }

  #at(agent: number): OfAgent {
    let of = this.#agents.get(agent);
    if (of === undefined) {
      const empty = (): Own => ({ head: NONE, tail: NONE, count: 0 });
      this.#agents.set(agent, (of = { lines: [empty(), empty()], pending: 0 }));
    }
    return of;
  }

  #append(own: Own, message: number): void {
    this.#pool.behind[message] = NONE;
    if (own.tail === NONE) own.head = message;
    else this.#pool.behind[own.tail] = message;
    own.tail = message;
  }

  /** The oldest SVID of the agent whose turn it is, which then goes to the end of the line. */
  #shift(line: Line, which: 0 | 1): number {
    const of = line.turns.shift();
    const own = of.lines[which];
    const message = own.head;
    const left = (this.#pool.waiting[message] ?? 1) - 1;
    this.#pool.waiting[message] = left;
    if (left === 0) {
      own.head = this.#pool.behind[message] ?? NONE;
      if (own.head === NONE) own.tail = NONE;
    }
    line.size--;
    if (--own.count > 0) line.turns.push(of);
    return message;
  }
}
