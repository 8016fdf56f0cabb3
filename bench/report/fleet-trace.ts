import type { Scenario } from '../fleet/scenario.js';
import { simulate, type EndedMessage } from '../fleet/simulation.js';

/** What a simulated or a real fleet did after a taint, note by note. Milliseconds from the commit of the taint. */
export interface FleetTrace {
  /** SVIDs that the old keyset had signed. */
  readonly onOld: number;
  /** When each of those that were replaced was, in order. */
  readonly replaced: readonly number[];
  readonly messages: readonly Pick<EndedMessage, 'renewal' | 'items' | 'issued' | 'sentAt' | 'endedAt'>[];
  readonly lastedMs: number;
}

/** `undefined`: the scenario has no taint, or it never came to it. */
export function simulatedTrace(scenario: Scenario, seed: number): FleetTrace | undefined {
  const messages: EndedMessage[] = [];
  const replaced: number[] = [];
  const { rotation, recorder, endedAt } = simulate(scenario, seed, {
    ended: (message) => messages.push(message),
    replaced: (now) => replaced.push(now),
  });
  const taintedAt = rotation.committedAt('taint');
  if (taintedAt === undefined) return undefined;
  return traceFrom(taintedAt, { onOld: recorder.oldAtTaint, replaced, messages, lastedMs: endedAt });
}

/** The same trace with its moments counted from `zero`. */
export function traceFrom(zero: number, { onOld, replaced, messages, lastedMs }: FleetTrace): FleetTrace {
  return {
    onOld,
    replaced: replaced.map((at) => at - zero),
    messages: messages.map((message) => ({
      ...message,
      sentAt: message.sentAt - zero,
      endedAt: message.endedAt - zero,
    })),
    lastedMs: lastedMs - zero,
  };
}
