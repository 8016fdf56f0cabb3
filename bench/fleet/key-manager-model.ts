import { Circuit } from '../../server-stub/src/key-manager/remote/circuit.js';
import { InFlightLimit } from '../../server-stub/src/key-manager/remote/in-flight-limit.js';
import {
  mayRepeat,
  PATIENCE_MS,
  repeatPauseMs,
  SIGN_LIMIT_MS,
} from '../../server-stub/src/key-manager/remote/sign-policy.js';
import { sampler } from './distribution.js';
import type { Random } from './random.js';
import type { Scenario } from './scenario.js';

/** A quota is counted over this time. */
const QUOTA_WINDOW_MS = 100;

/** What became of one signature: made, to be asked for again at a moment, or given up. */
export type SignOutcome = 'signed' | 'failed' | number;

/** What one replica knows of the key service. */
export interface Caller {
  readonly limit: InFlightLimit;
  readonly circuit: Circuit;
}

/** A key service outside the servers: its quota is one for all replicas. */
export class KeyManagerModel {
  readonly isRemote: boolean;
  readonly #latency: () => number;
  readonly #random: Random;
  readonly #inFlight: number;
  readonly #quota: number;
  #allowed: number;
  #tokens = 0;
  #refilledAt = 0;
  #away = false;
  /** Signatures made, and calls that were throttled. */
  calls = 0;
  throttled = 0;

  constructor(keyManager: Scenario['keyManager'], random: Random) {
    this.isRemote = keyManager.kind === 'remote';
    this.#latency = sampler(keyManager.latency, random);
    this.#random = random;
    this.#inFlight = keyManager.inFlight;
    this.#quota = keyManager.quota ?? Infinity;
    this.#allowed = this.#quota;
  }

  caller(): Caller {
    return { limit: new InFlightLimit(this.#inFlight), circuit: new Circuit(this.#random.next) };
  }

  /** `undefined`: back to the usual quota. */
  setQuota(perSecond: number | undefined, now: number): void {
    this.#refill(now);
    this.#allowed = perSecond ?? this.#quota;
  }

  setAway(away: boolean): void {
    this.#away = away;
  }

  /** The moment at which a call that is made at `now` ends. */
  endOfCall(now: number): number {
    return now + (this.#away ? SIGN_LIMIT_MS : Math.min(SIGN_LIMIT_MS, this.#latency()));
  }

  /** What a call says that ends at `now`; it is the `attempt`th of a signature that was begun at `begunAt`. */
  ended(caller: Caller, attempt: number, begunAt: number, now: number): SignOutcome {
    if (this.#away) {
      caller.circuit.failed(now);
      return this.#repeated('no answer', attempt, begunAt, now);
    }
    caller.circuit.answered();
    this.#refill(now);
    if (this.#tokens >= 1) {
      this.#tokens--;
      this.calls++;
      caller.limit.answered();
      return 'signed';
    }
    this.throttled++;
    caller.limit.throttled(now);
    return this.#repeated('throttled', attempt, begunAt, now);
  }

  /** As the server's calls to a key service are repeated. */
  #repeated(failure: 'throttled' | 'no answer', attempt: number, begunAt: number, now: number): SignOutcome {
    const may = mayRepeat(failure, attempt, begunAt + PATIENCE_MS, now);
    return may ? now + repeatPauseMs(attempt, 0, this.#random.next) : 'failed';
  }

  #refill(now: number): void {
    if (this.#allowed === Infinity) {
      this.#tokens = Infinity;
      return;
    }
    const most = Math.max(1, (this.#allowed * QUOTA_WINDOW_MS) / 1000);
    this.#tokens = Math.min(most, this.#tokens + (this.#allowed * (now - this.#refilledAt)) / 1000);
    this.#refilledAt = now;
  }
}
