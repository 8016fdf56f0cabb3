import { setMaxListeners } from 'node:events';
import pLimit, { type LimitFunction } from 'p-limit';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { withDeadline } from 'spirl-agent/runtime/deadline.js';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import { orAbort } from 'spirl-agent/runtime/task-group.js';
import { KeyServiceThrottled } from '../../domain/key-manager.js';
import { Circuit } from './circuit.js';
import { InFlightLimit } from './in-flight-limit.js';
import type { CallOutcome, KeyOperation, KeyServiceLevels, KeyServiceMetrics } from './key-service-metrics.js';
import { mayRepeat, PATIENCE_MS, repeatPauseMs, SIGN_LIMIT_MS } from './sign-policy.js';

/** Making a key in hardware and reading long lists take their time. */
const OTHER_LIMIT_MS = 30_000;
/** Signatures waiting; more than a service makes in the time that their callers have. */
const MAX_WAITING = 4_000;

/** Whoever makes a key waits so long for a service that throttles; the whole rotation step is bounded, too. */
const CREATE_PATIENCE_MS = 20_000;

export interface RemoteCallsParts {
  /** For metrics: the key manager's name. */
  readonly name: string;
  readonly inFlight: number;
  readonly clock: Clock;
  readonly metrics: KeyServiceMetrics;
  /** 0 to 1. */
  readonly random: () => number;
}

type Call<T> = (signal: AbortSignal) => Promise<T>;

/**
 * All calls to one key manager outside this process. Signatures queue for a bounded number of calls under way; a service that
 * throttles is asked more slowly, one that is down is left alone and probed for its return.
 */
export class RemoteCalls {
  readonly #parts: RemoteCallsParts;
  readonly #queue: LimitFunction;
  readonly #limit: InFlightLimit;
  readonly #circuit: Circuit;

  constructor(parts: RemoteCallsParts) {
    this.#parts = parts;
    this.#queue = pLimit(parts.inFlight);
    this.#limit = new InFlightLimit(parts.inFlight);
    this.#circuit = new Circuit(parts.random);
  }

  get levels(): KeyServiceLevels {
    const { pendingCount: waiting, activeCount: inFlight } = this.#queue;
    return { keyManager: this.#parts.name, waiting, inFlight, limit: this.#limit.value, circuit: this.#circuit.state };
  }

  /** A signature. Throws LIMIT_REACHED, KEY_SERVICE_UNAVAILABLE at once when the service is down, or what `call` throws. */
  async sign<T>(call: Call<T>, signal: AbortSignal): Promise<T> {
    if (this.#queue.pendingCount >= MAX_WAITING) {
      this.#count('sign', 'rejected', 0);
      throw new SpirlError('LIMIT_REACHED', `too many signatures wait for key manager ${this.#parts.name}`);
    }
    // All items of a batch have one signal.
    setMaxListeners(0, signal);
    const turn = this.#queue(async () => {
      // Nothing is signed for a caller that has gone while it waited.
      signal.throwIfAborted();
      return this.#signNow(call, signal);
    });
    return orAbort(turn, signal);
  }

  /** Everything that is not a signature. A new key is asked for again only after throttling: a lost answer may have made it. */
  async other<T>(operation: Exclude<KeyOperation, 'sign'>, call: Call<T>, signal: AbortSignal): Promise<T> {
    const creating = operation === 'create';
    const until = this.#parts.clock.monotonic() + (creating ? CREATE_PATIENCE_MS : PATIENCE_MS);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(operation, OTHER_LIMIT_MS, call, signal);
      } catch (error) {
        const lost = creating && !(error instanceof KeyServiceThrottled);
        if (lost || !this.#mayRepeat(error, attempt, until, signal)) throw error;
        await this.#pause(error, attempt, signal);
      }
    }
  }

  signedWrongly(): void {
    this.#parts.metrics.signedWrongly(this.#parts.name);
  }

  /** The turn is kept through the pauses: whoever is throttled keeps others from asking too. */
  async #signNow<T>(call: Call<T>, signal: AbortSignal): Promise<T> {
    const { clock } = this.#parts;
    const until = clock.monotonic() + PATIENCE_MS;
    for (let attempt = 1; ; attempt++) {
      if (!this.#circuit.admits(clock.monotonic())) {
        this.#count('sign', 'rejected', 0);
        throw new SpirlError('KEY_SERVICE_UNAVAILABLE', `key manager ${this.#parts.name} does not answer at present`);
      }
      const begun = clock.monotonic();
      try {
        const signed = await this.#attempt('sign', SIGN_LIMIT_MS, call, signal);
        this.#circuit.answered();
        this.#limit.answered();
        this.#queue.concurrency = this.#limit.value;
        return signed;
      } catch (error) {
        this.#learn(error, begun, signal);
        if (!this.#mayRepeat(error, attempt, until, signal)) throw error;
        await this.#pause(error, attempt, signal);
      }
    }
  }

  #learn(error: unknown, begun: number, signal: AbortSignal): void {
    const now = this.#parts.clock.monotonic();
    if (error instanceof KeyServiceThrottled) {
      this.#circuit.answered();
      this.#limit.throttled(now);
      this.#queue.concurrency = this.#limit.value;
    } else if (signal.aborted && now - begun < SIGN_LIMIT_MS / 2) {
      this.#circuit.abandoned(now);
    } else if (signal.aborted || hasCode(error, 'KEY_SERVICE_UNAVAILABLE') || !(error instanceof SpirlError)) {
      this.#circuit.failed(now);
    } else {
      // A refusal is an answer.
      this.#circuit.answered();
    }
  }

  #mayRepeat(error: unknown, attempt: number, until: number, signal: AbortSignal): boolean {
    if (signal.aborted) return false;
    if (error instanceof KeyServiceThrottled) {
      const { retryAfterMs = 0 } = error;
      return mayRepeat('throttled', attempt, until, this.#parts.clock.monotonic() + retryAfterMs);
    }
    return (
      hasCode(error, 'KEY_SERVICE_UNAVAILABLE') && mayRepeat('no answer', attempt, until, this.#parts.clock.monotonic())
    );
  }

  #pause(error: unknown, attempt: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#parts;
    const asked = error instanceof KeyServiceThrottled ? (error.retryAfterMs ?? 0) : 0;
    return clock.sleep(repeatPauseMs(attempt, asked, random), signal);
  }

  async #attempt<T>(operation: KeyOperation, limitMs: number, call: Call<T>, signal: AbortSignal): Promise<T> {
    const { clock, name } = this.#parts;
    const late = `key manager ${name} did not answer ${operation} within ${limitMs / 1000} s`;
    const begun = clock.monotonic();
    const count = (outcome: CallOutcome): void => this.#count(operation, outcome, (clock.monotonic() - begun) / 1000);
    try {
      const answer = await withDeadline(call, limitMs, late, clock, signal);
      count('ok');
      return answer;
    } catch (error) {
      count(outcomeOf(error, signal));
      if (signal.aborted || !hasCode(error, 'DEADLINE_EXCEEDED')) throw error;
      throw new SpirlError('KEY_SERVICE_UNAVAILABLE', error.message, { cause: error });
    }
  }

  #count(operation: KeyOperation, outcome: CallOutcome, seconds: number): void {
    this.#parts.metrics.keyServiceCalled(this.#parts.name, operation, outcome, seconds);
  }
}

function outcomeOf(error: unknown, signal: AbortSignal): CallOutcome {
  if (signal.aborted) return 'cancelled';
  if (error instanceof KeyServiceThrottled) return 'throttled';
  return hasCode(error, 'KEY_SERVICE_UNAVAILABLE', 'DEADLINE_EXCEEDED') || !(error instanceof SpirlError)
    ? 'unavailable'
    : 'refused';
}
