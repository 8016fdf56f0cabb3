import type { CircuitState } from './circuit.js';

export type KeyOperation = 'create' | 'list' | 'find' | 'sign' | 'release';
/** `throttled`: the service asked for less. `unavailable`: no usable answer. `rejected`: nobody asked, the queue was full or the circuit open. */
export type CallOutcome = 'ok' | 'throttled' | 'unavailable' | 'refused' | 'cancelled' | 'rejected';

/** What is counted of calls to key managers outside this process. */
export interface KeyServiceMetrics {
  /** One attempt; `seconds` of the service alone. */
  keyServiceCalled(keyManager: string, operation: KeyOperation, outcome: CallOutcome, seconds: number): void;
  /** A signature that its key's public half did not confirm. */
  signedWrongly(keyManager: string): void;
}

/** How it stands with a key manager now. */
export interface KeyServiceLevels {
  readonly keyManager: string;
  /** Signatures waiting for their turn. */
  readonly waiting: number;
  readonly inFlight: number;
  /** As many calls as it is given at a time at present. */
  readonly limit: number;
  readonly circuit: CircuitState;
}
