/** So many failures in a row, and the service counts as down. */
const FAILURES = 5;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 15_000;

export type CircuitState = 'closed' | 'open' | 'probing';

/**
 * Whether a service is worth asking. After several failures in a row nobody asks for a while; then one call goes ahead as a
 * probe, and its outcome decides. Times are of a clock that never goes back.
 */
export class Circuit {
  readonly #random: () => number;
  #failures = 0;
  #probes = 0;
  #state: CircuitState = 'closed';
  #askAgainAt = 0;

  /** `random`: 0 to 1, spreads the probes of several servers. */
  constructor(random: () => number) {
    this.#random = random;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Whether a call may be made now. Whoever gets `true` has to tell how it ended. */
  admits(now: number): boolean {
    if (this.#state === 'closed') return true;
    if (this.#state === 'probing' || now < this.#askAgainAt) return false;
    this.#state = 'probing';
    return true;
  }

  /** The service answered, whatever it said. */
  answered(): void {
    this.#state = 'closed';
    this.#failures = 0;
    this.#probes = 0;
  }

  failed(now: number): void {
    this.#failures++;
    if (this.#state === 'closed' && this.#failures < FAILURES) return;
    // Calls that began before it opened say nothing new.
    if (this.#state === 'open') return;
    const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#probes++);
    this.#state = 'open';
    this.#askAgainAt = now + pause * (0.75 + this.#random() / 2);
  }

  /** The call ended without saying anything about the service: its caller went away. */
  abandoned(now: number): void {
    if (this.#state !== 'probing') return;
    this.#state = 'open';
    this.#askAgainAt = now;
  }
}
