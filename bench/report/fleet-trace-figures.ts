import type { FleetTrace } from './fleet-trace.js';

// Figures and curves of a trace. The same functions look at a simulated and at a real fleet.

/** Width of a curve's steps. */
export const TRACE_STEP_MS = 1_000;
const PEAK_OVER_MS = 5_000;

/** Moments in milliseconds from the commit of the taint; undefined: not reached. */
export interface TraceFigures {
  readonly t50Ms: number | undefined;
  readonly t90Ms: number | undefined;
  readonly t99Ms: number | undefined;
  readonly t100Ms: number | undefined;
  /** SVIDs, in the five seconds with the most. */
  readonly peakMints5s: number;
  /** The most SVIDs that agents had asked for and not yet got an answer about. */
  readonly longestQueue: number;
  readonly renewalMeanMs: number | undefined;
  readonly renewalP50Ms: number | undefined;
  readonly renewalP99Ms: number | undefined;
}

/** One value per step from the commit of the taint on. */
export interface TraceCurves {
  readonly onOld: readonly number[];
  readonly mintsPerSecond: readonly number[];
  readonly queue: readonly number[];
  /** Mean of the answers of each step, per SVID; null: there was none. */
  readonly latencyMs: readonly (number | null)[];
}

export function traceFigures(trace: FleetTrace): TraceFigures {
  const moment = (share: number): number | undefined => trace.replaced[Math.ceil(share * trace.onOld) - 1];
  const latencies = latenciesOf(trace.messages.filter(({ endedAt }) => endedAt >= 0));
  return {
    ...{ t50Ms: moment(0.5), t90Ms: moment(0.9), t99Ms: moment(0.99), t100Ms: moment(1) },
    peakMints5s: peakOf(trace),
    longestQueue: changesOf(trace).reduce(
      ({ now, most }, [, by]) => ({ now: now + by, most: Math.max(most, now + by) }),
      { now: 0, most: 0 },
    ).most,
    renewalMeanMs: meanOf(latencies),
    renewalP50Ms: quantile(latencies, 0.5),
    renewalP99Ms: quantile(latencies, 0.99),
  };
}

/** `steps`: so many of them, whether or not the trace lasted so long. */
export function traceCurves(trace: FleetTrace, steps: number): TraceCurves {
  const mints = new Array<number>(steps).fill(0);
  const answered: FleetTrace['messages'][number][][] = Array.from({ length: steps }, () => []);
  for (const message of trace.messages) {
    const step = Math.floor(message.endedAt / TRACE_STEP_MS);
    if (step < 0 || step >= steps) continue;
    mints[step] = (mints[step] ?? 0) + message.issued;
    answered[step]?.push(message);
  }
  const ends = mints.map((_, step) => (step + 1) * TRACE_STEP_MS);
  return {
    onOld: levels(
      ends,
      trace.onOld,
      trace.replaced.map((at) => [at, -1] as const),
    ),
    mintsPerSecond: mints.map((count) => (count * 1000) / TRACE_STEP_MS),
    queue: levels(ends, 0, changesOf(trace)),
    latencyMs: answered.map((messages) => meanOf(latenciesOf(messages)) ?? null),
  };
}

type Change = readonly [at: number, by: number];

/** How the number of SVIDs changes that are asked for and not answered. */
function changesOf({ messages }: FleetTrace): Change[] {
  return messages
    .flatMap(({ sentAt, endedAt, items }): Change[] => [
      [sentAt, items],
      [endedAt, -items],
    ])
    .sort((a, b) => a[0] - b[0]);
}

/** What a level that begins with `from` is at each of `moments`. */
function levels(moments: readonly number[], from: number, changes: readonly Change[]): number[] {
  let [level, next] = [from, 0];
  return moments.map((moment) => {
    for (; (changes[next]?.[0] ?? Infinity) <= moment; next++) level += changes[next]?.[1] ?? 0;
    return level;
  });
}

function peakOf({ messages }: FleetTrace): number {
  const issued = messages.filter((message) => message.endedAt >= 0 && message.issued > 0);
  issued.sort((a, b) => a.endedAt - b.endedAt);
  let [sum, most, first] = [0, 0, 0];
  for (const message of issued) {
    sum += message.issued;
    for (; (issued[first]?.endedAt ?? Infinity) <= message.endedAt - PEAK_OVER_MS; first++) {
      sum -= issued[first]?.issued ?? 0;
    }
    most = Math.max(most, sum);
  }
  return most;
}

/** One per SVID that was renewed, in order. */
function latenciesOf(messages: FleetTrace['messages']): number[] {
  return messages
    .filter(({ renewal }) => renewal)
    .flatMap(({ issued, sentAt, endedAt }) => new Array<number>(issued).fill(endedAt - sentAt))
    .sort((a, b) => a - b);
}

function meanOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => a + b, 0) / values.length;
}

function quantile(sorted: readonly number[], q: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}
