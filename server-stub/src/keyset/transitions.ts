import type { KeysetState } from 'spirl-agent/domain/keyset-state.js';

/** What is asked of a living keyset. `retire` is the schedule's own word; the others are operators'. */
export type KeysetCommand = 'activate' | 'taint' | 'remove' | 'retire';

/** The command has no place in this state; `refused` is the sentence that the caller reads. */
export interface Refusal {
  readonly refused: string;
}

const refuse = (refused: string): Refusal => ({ refused });

/**
 * The state machine of a keyset. The same state again: the command was already done and changes nothing. `REMOVED`: gone, a
 * tombstone stays. Whoever becomes ACTIVE makes the former ACTIVE keyset PREPARED in the same write.
 */
// prettier-ignore
export const TRANSITIONS = {
  PREPARED: { activate: 'ACTIVE',                                  taint: 'TAINTED',                             remove: refuse('cannot remove a key set that is not tainted'), retire: 'REMOVED' },
  ACTIVE:   { activate: 'ACTIVE',                                  taint: refuse('cannot taint active key set'), remove: refuse('cannot remove active key set'),                retire: refuse('cannot retire active key set') },
  TAINTED:  { activate: refuse('cannot activate tainted key set'), taint: 'TAINTED',                             remove: 'REMOVED',                                             retire: refuse('cannot retire tainted key set') },
} as const satisfies Record<KeysetState, Record<KeysetCommand, KeysetState | 'REMOVED' | Refusal>>;
