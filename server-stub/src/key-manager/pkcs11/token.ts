import { createHash } from 'node:crypto';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { withDeadline } from 'spirl-agent/runtime/deadline.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { orAbort } from 'spirl-agent/runtime/task-group.js';
import { KeyServiceThrottled } from '../../domain/key-manager.js';
import { LaneQueue } from './lane-queue.js';
import type { ModuleUser, ModuleUsers } from './module-users.js';
import type { AnswerTo, KeyCall, Lane, TokenPlace } from './token-calls.js';
import { TokenError } from './token-failure.js';

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 10_000;
const CLOSE_LIMIT_MS = 2_000;
/** Between beginnings of a module that others use too. */
const DISTURB_INTERVAL_MS = 5 * 60_000;

export interface TokenParts {
  readonly place: TokenPlace;
  /** How many calls the token carries out side by side. */
  readonly sessions: number;
  /** Throws INVALID_CONFIG. */
  readonly readPin: () => Promise<string>;
  readonly startLane: () => Lane;
  readonly users: ModuleUsers;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
}

/**
 * A token with its sessions. A token that went away is looked for again, at longer and longer intervals; meanwhile calls fail at
 * once. A PIN that was refused is not tried a second time.
 */
export class Token implements ModuleUser {
  readonly title: string;
  readonly #parts: TokenParts;
  readonly #queue = new LaneQueue();
  #lanes: Lane[] = [];
  /** Counts openings; undefined while it is not open. */
  #epoch: number | undefined;
  #openings = 0;
  #opening: Promise<void> | undefined;
  #failures = 0;
  #lookAgainAt = -Infinity;
  #disturbAgainAt = -Infinity;
  #lastFailure: unknown;
  #refusedPin: { readonly digest: string; readonly error: SpirlError } | undefined;

  constructor(parts: TokenParts) {
    this.#parts = parts;
    this.title = `PKCS#11 token ${JSON.stringify(parts.place.tokenLabel)}`;
  }

  /** Throws KEY_SERVICE_UNAVAILABLE, KeyServiceThrottled, KEY_SERVICE_REFUSED, INVALID_CONFIG; the reason of `signal`. */
  async call<C extends KeyCall>(call: C, signal: AbortSignal): Promise<AnswerTo<C>> {
    try {
      return await this.#callOnce(call, signal);
    } catch (error) {
      // A session that was lost is opened again at once; what may have made a key is not repeated.
      const again = error instanceof TokenError && error.fate === 'lost' && call.do !== 'generate' && !signal.aborted;
      if (!again) throw this.#told(error);
    }
    try {
      return await this.#callOnce(call, signal);
    } catch (error) {
      throw this.#told(error);
    }
  }

  async letGo(): Promise<void> {
    this.#epoch = undefined;
    await Promise.allSettled(this.#lanes.map((lane) => lane.call({ do: 'close' })));
  }

  /**
   * Ends its sessions, and with the last one the login, and their threads; a module that hangs is left behind. Who asks again opens it
   * again. The module stays begun: some go on in threads of their own after their end, and crash or lose the sessions that come next.
   */
  async close(): Promise<void> {
    const { place, users, clock } = this.#parts;
    await this.#opening?.catch(() => {});
    const lanes = this.#lanes;
    this.#lanes = [];
    this.#epoch = undefined;
    users.remove(place.modulePath, this);
    // Sessions and logins are the module's: they would outlive the threads.
    const ended = Promise.allSettled(lanes.map((lane) => lane.call({ do: 'close' })));
    const hangs = withDeadline(() => ended, CLOSE_LIMIT_MS, 'the module hangs', clock, new AbortController().signal);
    await hangs.catch(() => {});
    for (const lane of lanes) lane.close();
  }

  async #callOnce<C extends KeyCall>(call: C, signal: AbortSignal): Promise<AnswerTo<C>> {
    signal.throwIfAborted();
    if (this.#epoch === undefined) await orAbort(this.#open(), signal);
    const epoch = this.#epoch;
    try {
      return await this.#queue.call(call, signal);
    } catch (error) {
      // What belonged to sessions that were replaced since says nothing about the present ones.
      if (error instanceof TokenError && error.fate === 'lost' && epoch === this.#epoch) this.#epoch = undefined;
      throw error;
    }
  }

  /** One opening at a time, also when its callers have gone: a module that hangs must not be asked more and more. */
  #open(): Promise<void> {
    if (this.#opening !== undefined) return this.#opening;
    if (this.#parts.clock.monotonic() < this.#lookAgainAt) return Promise.reject(this.#lastFailure);
    this.#opening = this.#openLanes()
      .then(
        () => {
          this.#failures = 0;
          this.#epoch = this.#openings++;
        },
        (error: unknown) => {
          this.#failed(error);
          throw error;
        },
      )
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }

  #failed(error: unknown): void {
    const { clock, random } = this.#parts;
    const pause = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#lookAgainAt = clock.monotonic() + pause * (0.75 + random() / 2);
    this.#lastFailure = error;
  }

  async #openLanes(): Promise<void> {
    const { place, sessions, readPin, startLane, users } = this.#parts;
    const pin = await readPin();
    this.#checkPin(pin);
    const lanes = Array.from({ length: sessions }, (_, at) => {
      const lane = this.#lanes[at];
      return lane === undefined || lane.ended ? startLane() : lane;
    });
    this.#lanes = lanes;
    users.add(place.modulePath, this);
    const begin = await this.#beginning(lanes);
    const [first, ...others] = lanes;
    await first?.call({ do: 'open', pin, begin, ...place }).catch((error: unknown) => {
      throw this.#remembered(error, pin);
    });
    // A login is the whole program's, so the others come without a PIN. A token with room for fewer sessions is used with fewer.
    const opening = others.map((lane) => lane.call({ do: 'open', pin: undefined, begin: 'once', ...place }));
    const opened = await Promise.allSettled(opening);
    const failure = opened.find((result) => result.status === 'rejected' && !isBusy(result.reason));
    if (failure?.status === 'rejected') throw failure.reason;
    this.#queue.serve(lanes.filter((_, at) => at === 0 || opened[at - 1]?.status === 'fulfilled'));
  }

  /** Some modules see a token that came only when they are begun anew. All sessions end before, none may be left half. */
  async #beginning(lanes: readonly Lane[]): Promise<'once' | 'anew'> {
    const { users, place, clock } = this.#parts;
    if (this.#failures === 0) return 'once';
    await Promise.all(lanes.map((lane) => lane.call({ do: 'close' })));
    const others = users.others(place.modulePath, this);
    if (others.length === 0) return 'anew';
    // Those who are well are not disturbed again and again by one that stays away.
    if (clock.monotonic() < this.#disturbAgainAt) return 'once';
    this.#disturbAgainAt = clock.monotonic() + DISTURB_INTERVAL_MS;
    await Promise.all(others.map((other) => other.letGo()));
    return 'anew';
  }

  #checkPin(pin: string): void {
    if (this.#refusedPin?.digest === digestOf(pin)) throw this.#refusedPin.error;
  }

  #remembered(error: unknown, pin: string): unknown {
    if (!(error instanceof TokenError) || error.pin === undefined) return error;
    const what = `${this.title} refused the PIN (${error.reason}); it is not tried again before it is changed`;
    const told = new SpirlError('KEY_SERVICE_REFUSED', what, { cause: error });
    this.#refusedPin = { digest: digestOf(pin), error: told };
    return told;
  }

  #told(error: unknown): unknown {
    if (!(error instanceof TokenError)) return error;
    switch (error.fate) {
      case 'lost':
        return new SpirlError('KEY_SERVICE_UNAVAILABLE', `${this.title} is away: ${error.reason}`, { cause: error });
      case 'busy':
        return new KeyServiceThrottled(`${this.title} has no room: ${error.reason}`, { cause: error });
      case 'refused':
        return new SpirlError('KEY_SERVICE_REFUSED', `${this.title} refused: ${error.reason}`, { cause: error });
    }
  }
}

const isBusy = (error: unknown): boolean => error instanceof TokenError && error.fate === 'busy';
const digestOf = (pin: string): string => createHash('sha256').update(pin).digest('hex');
