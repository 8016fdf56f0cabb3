import type { Recorder } from '../fleet/recorder.js';

/** Points of a curve at most; a longer time gets wider steps. */
const POINTS = 600;

/** What happened, step by step; rates are per second. */
export interface Curves {
  readonly stepMs: number;
  readonly minted: {
    readonly wave: readonly number[];
    readonly ordinary: readonly number[];
    readonly first: readonly number[];
  };
  readonly askedPerSecond: readonly number[];
  readonly failedPerSecond: readonly number[];
  /** SVIDs that wait or are being issued: the most within the step. */
  readonly waiting: readonly number[];
  /** SVIDs on the old keyset; null before the taint. */
  readonly onOld: readonly (number | null)[];
  /** From sending to answer, milliseconds; null: nothing was answered. */
  readonly renewalP50Ms: readonly (number | null)[];
  readonly renewalP99Ms: readonly (number | null)[];
  readonly signaturesPerSecond: readonly number[];
  readonly throttledPerSecond: readonly number[];
}

export function curvesOf(recorder: Recorder, endedAt: number): Curves {
  const seconds = Math.max(1, Math.ceil(endedAt / 1000));
  const step = Math.ceil(seconds / POINTS);
  const starts = Array.from({ length: Math.ceil(seconds / step) }, (_, index) => index * step);
  const rate = (column: Float64Array): number[] => {
    return starts.map((from) => rounded(column.subarray(from, from + step).reduce((a, b) => a + b, 0) / step));
  };
  const last = (from: number): number | null => {
    const value = recorder.onOld[Math.min(seconds, from + step) - 1] ?? NaN;
    return Number.isNaN(value) ? null : value;
  };
  const latency = (q: number): (number | null)[] => {
    return starts.map((from) => rounded(recorder.renewalLatency.quantile(from, from + step, q) ?? NaN) || null);
  };
  return {
    stepMs: step * 1000,
    minted: {
      wave: rate(recorder.minted.wave),
      ordinary: rate(recorder.minted.ordinary),
      first: rate(recorder.minted.first),
    },
    askedPerSecond: rate(recorder.asked),
    failedPerSecond: rate(recorder.failed),
    waiting: starts.map((from) => Math.max(...recorder.waiting.subarray(from, from + step))),
    onOld: starts.map(last),
    renewalP50Ms: latency(0.5),
    renewalP99Ms: latency(0.99),
    signaturesPerSecond: rate(recorder.signatures),
    throttledPerSecond: rate(recorder.throttled),
  };
}

/** The largest sum over `width` neighbours. */
export function peakOver(values: Float64Array, width: number): number {
  let sum = 0;
  let peak = 0;
  for (let i = 0; i < values.length; i++) {
    sum += (values[i] ?? 0) - (i >= width ? (values[i - width] ?? 0) : 0);
    peak = Math.max(peak, sum);
  }
  return peak;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
