import type { MessageNote, WaitNote } from './fleet-log.js';

/** Tells of a renewal whether the taint was its reason: its agent's wait was over when it was sent. */
export function takenOver(waits: readonly WaitNote[]): (message: MessageNote) => boolean {
  const from = new Map(waits.map(({ agent, at, waitMs }) => [agent, at + waitMs]));
  return ({ agent, sentAt }) => sentAt >= (from.get(agent) ?? Infinity);
}
