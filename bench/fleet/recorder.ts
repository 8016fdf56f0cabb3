import { LatencyHistogram } from './latency-histogram.js';

/** Why SVIDs are asked for. */
export const REASONS = ['wave', 'ordinary', 'first'] as const;
export type Reason = (typeof REASONS)[number];

/** Shares of the SVIDs on the old keyset whose renewal is timed. */
const SHARES = [0.5, 0.9, 0.99, 1] as const;

/** Identities that were without a valid SVID, for one cause. */
export interface Gap {
  readonly identities: number;
  readonly longestMs: number;
  /** Still without one at the end. */
  readonly open: number;
}

/** Counts per second of simulated time, and the few moments that matter. */
export class Recorder {
  readonly minted: Readonly<Record<Reason, Float64Array>>;
  readonly asked: Float64Array;
  /** SVIDs refused, lost or not answered in time. */
  readonly failed: Float64Array;
  readonly waiting: Float64Array;
  readonly onOld: Float64Array;
  readonly signatures: Float64Array;
  readonly throttled: Float64Array;
  /** From sending a message to its answer, per SVID. */
  readonly renewalLatency: LatencyHistogram;
  readonly firstLatency: LatencyHistogram;
  readonly causes = new Map<string, { identities: number; longestMs: number; open: number }>();
  readonly totals = { shed: 0, timedOut: 0, lost: 0, wasted: 0 };
  /** Time from wanting a first SVID to having it. */
  readonly firsts = new LatencyHistogram(1);
  firstsDone = 0;
  firstLongestMs = 0;
  /** SVIDs that an agent had dropped before it had another (the other rule only). */
  readonly holes = { identities: 0, longestMs: 0 };
  readonly moments: (number | undefined)[] = SHARES.map(() => undefined);
  #oldAtTaint = 0;
  #oldNow = 0;
  #lastReplacedAt: number | undefined;
  #seconds: number;

  constructor(horizonMs: number) {
    this.#seconds = Math.ceil(horizonMs / 1000) + 2;
    const column = (): Float64Array => new Float64Array(this.#seconds);
    this.minted = { wave: column(), ordinary: column(), first: column() };
    [this.asked, this.failed, this.waiting, this.onOld] = [column(), column(), column(), column()];
    [this.signatures, this.throttled] = [column(), column()];
    this.renewalLatency = new LatencyHistogram(this.#seconds);
    this.firstLatency = new LatencyHistogram(this.#seconds);
  }

  add(column: Float64Array, now: number, count: number): void {
    const second = Math.min(this.#seconds - 1, Math.floor(now / 1000));
    column[second] = (column[second] ?? 0) + count;
  }

  taintBegins(onOld: number): void {
    this.#oldAtTaint = onOld;
    this.#oldNow = onOld;
  }

  get oldAtTaint(): number {
    return this.#oldAtTaint;
  }
  /** Of those that were on the old keyset at the taint. */
  get oldNow(): number {
    return this.#oldNow;
  }
  get lastReplacedAt(): number | undefined {
    return this.#lastReplacedAt;
  }

  /** One SVID of the old keyset was replaced, after the taint. */
  replaced(now: number): void {
    this.#oldNow--;
    this.#lastReplacedAt = now;
    const done = this.#oldAtTaint - this.#oldNow;
    SHARES.forEach((share, index) => {
      if (this.moments[index] === undefined && done >= share * this.#oldAtTaint) this.moments[index] = now;
    });
  }

  gap(cause: string, lengthMs: number, state: 'closed' | 'open'): void {
    const so = this.causes.get(cause) ?? { identities: 0, longestMs: 0, open: 0 };
    so.identities++;
    so.longestMs = Math.max(so.longestMs, lengthMs);
    if (state === 'open') so.open++;
    this.causes.set(cause, so);
  }

  firstCame(waitedMs: number): void {
    this.firstsDone++;
    this.firsts.add(0, waitedMs, 1);
    this.firstLongestMs = Math.max(this.firstLongestMs, waitedMs);
  }

  hole(lengthMs: number): void {
    this.holes.identities++;
    this.holes.longestMs = Math.max(this.holes.longestMs, lengthMs);
  }
}
