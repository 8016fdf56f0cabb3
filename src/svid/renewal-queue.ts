import { Heap } from '../runtime/heap.js';
import { byUrgency, dueInMs, type Candidate, type Instant } from './renewal-plan.js';

interface Place<T> {
  readonly item: T;
  /** Monotonic ms from which it is due. */
  readonly at: number;
  /** Among equals, who came first goes first. */
  readonly order: number;
}

/**
 * What `planRenewals` tells, without looking at every candidate for each batch: those that are due, by urgency, and those that will
 * be, by their time. A wave over 10,000 SVIDs has 2,000 batches; looking at all for each was most of an agent's CPU in it.
 */
export class RenewalQueue<T extends Candidate> {
  readonly #due = new Heap<Place<T>>((a, b) => byUrgency(a.item, b.item) || a.order - b.order);
  readonly #later = new Heap<Place<T>>((a, b) => a.at - b.at || a.order - b.order);
  #added = 0;

  /** Forgets what it had. Of `candidates` those are kept that will be due within `horizonMs`. */
  fill(candidates: Iterable<T>, now: Instant, horizonMs: number): void {
    this.#due.clear();
    this.#later.clear();
    for (const candidate of candidates) if (dueInMs(candidate, now) <= horizonMs) this.add(candidate, now);
  }

  add(item: T, now: Instant): void {
    const inMs = dueInMs(item, now);
    const place = { item, at: now.monotonic + inMs, order: this.#added++ };
    (inMs <= 0 ? this.#due : this.#later).add(place);
  }

  /** How many are due; of some it may turn out that they have been renewed otherwise. */
  dueAt(monotonic: number): number {
    for (let { first } = this.#later; first !== undefined && first.at <= monotonic; { first } = this.#later) {
      this.#later.take();
      this.#due.add(first);
    }
    return this.#due.size;
  }

  /** Milliseconds until another one becomes due; `Infinity`: none that is known of. */
  nextInMs(monotonic: number): number {
    return (this.#later.first?.at ?? Infinity) - monotonic;
  }

  /** Takes the `count` most urgent of those that are due and for which `isWanted` holds; the others are forgotten. */
  take(count: number, isWanted: (item: T) => boolean): readonly T[] {
    const taken: T[] = [];
    while (taken.length < count) {
      const place = this.#due.take();
      if (place === undefined) break;
      if (isWanted(place.item)) taken.push(place.item);
    }
    return taken;
  }
}
