import { traceFrom, type FleetTrace } from '../report/fleet-trace.js';
import type { LiveOutcome } from './live-run.js';
import { committedAt } from './live-report.js';

/** `undefined`: there was no taint. */
export function measuredTrace(outcome: LiveOutcome): FleetTrace | undefined {
  const { log, oldKeyset, startedAt, endedAt } = outcome;
  const tainted = committedAt(outcome, 'taint');
  if (tainted === undefined) return undefined;
  const taintedAt = startedAt + tainted;
  const held = new Map<number, string>();
  const replaced: number[] = [];
  for (const { svid, at, keyset } of log.arrivals) {
    if (at >= taintedAt && held.get(svid) === oldKeyset && keyset !== oldKeyset) replaced.push(at);
    held.set(svid, keyset);
  }
  const onOld = replaced.length + [...held.values()].filter((keyset) => keyset === oldKeyset).length;
  const messages = log.messages.filter((message) => message.endedAt >= startedAt);
  return traceFrom(taintedAt, { onOld, replaced, messages, lastedMs: endedAt });
}
