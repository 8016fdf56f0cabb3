/** Most buckets; they are a millisecond wide, or wider when the horizon is far. */
const MAX_BUCKETS = 2 ** 22;
const NONE = -1;

/**
 * Events ordered by time, then by the order of scheduling. Narrow buckets hold what is to come; only the bucket of
 * the present is ordered, in a small heap. So the cost of an event does not grow with the number of events.
 * An event is a kind (0 to 255) and a whole number.
 */
export class CalendarQueue {
  readonly #horizonMs: number;
  readonly #widthMs: number;
  readonly #heads: Int32Array;
  #times: Float64Array;
  #orders: Float64Array;
  #values: Int32Array;
  #kinds: Uint8Array;
  #nexts: Int32Array;
  #free = NONE;
  #used = 0;
  #order = 0;
  #bucket = 0;
  #size = 0;
  readonly #heap: number[] = [];

  /** What lies behind `horizonMs` is not kept. */
  constructor(horizonMs: number, capacity = 1 << 16) {
    this.#horizonMs = horizonMs;
    this.#widthMs = Math.max(1, horizonMs / MAX_BUCKETS);
    this.#heads = new Int32Array(Math.floor(horizonMs / this.#widthMs) + 2).fill(NONE);
    this.#times = new Float64Array(capacity);
    this.#orders = new Float64Array(capacity);
    this.#values = new Int32Array(capacity);
    this.#kinds = new Uint8Array(capacity);
    this.#nexts = new Int32Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  schedule(atMs: number, kind: number, value: number): void {
    if (!(atMs <= this.#horizonMs)) return;
    const event = this.#take();
    this.#times[event] = atMs;
    this.#orders[event] = this.#order++;
    this.#values[event] = value;
    this.#kinds[event] = kind;
    this.#size++;
    const bucket = Math.max(this.#bucket, Math.floor(atMs / this.#widthMs));
    if (bucket === this.#bucket) {
      this.#push(event);
    } else {
      this.#nexts[event] = this.#heads[bucket] ?? NONE;
      this.#heads[bucket] = event;
    }
  }

  /** Takes the next event out and hands it over; false when there is none. */
  next(handle: (atMs: number, kind: number, value: number) => void): boolean {
    while (this.#heap.length === 0) {
      if (this.#size === 0 || this.#bucket + 1 >= this.#heads.length) return false;
      this.#open(++this.#bucket);
    }
    const event = this.#pop();
    const time = this.#times[event] as number;
    const kind = this.#kinds[event] as number;
    const value = this.#values[event] as number;
    this.#nexts[event] = this.#free;
    this.#free = event;
    this.#size--;
    handle(time, kind, value);
    return true;
  }

  #open(bucket: number): void {
    for (let event = this.#heads[bucket] ?? NONE; event !== NONE;) {
      const after = this.#nexts[event] ?? NONE;
      this.#push(event);
      event = after;
    }
    this.#heads[bucket] = NONE;
  }

  #take(): number {
    if (this.#free !== NONE) {
      const event = this.#free;
      this.#free = this.#nexts[event] ?? NONE;
      return event;
    }
    if (this.#used === this.#times.length) this.#grow();
    return this.#used++;
  }

  #grow(): void {
    const length = this.#times.length * 2;
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#times = grown(new Float64Array(length), this.#times);
    this.#orders = grown(new Float64Array(length), this.#orders);
    this.#values = grown(new Int32Array(length), this.#values);
    this.#kinds = grown(new Uint8Array(length), this.#kinds);
    this.#nexts = grown(new Int32Array(length), this.#nexts);
  }

  #before(a: number, b: number): boolean {
    const x = this.#times[a] as number;
    const y = this.#times[b] as number;
    return x < y || (x === y && (this.#orders[a] as number) < (this.#orders[b] as number));
  }

  #push(event: number): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(event, heap[parent] as number)) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): number {
    const heap = this.#heap;
    const first = heap[0] as number;
    const last = heap.pop() as number;
    const size = heap.length;
    if (size === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(heap[child + 1] as number, heap[child] as number)) child++;
      if (!this.#before(heap[child] as number, last)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
