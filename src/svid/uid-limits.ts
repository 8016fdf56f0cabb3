import type { Clock } from '../runtime/clock.js';
import { SpirlError } from '../runtime/errors.js';

export interface UidLimitSettings {
  /** Mints that one uid may have under way. */
  readonly underWay: number;
  /** Mints that one uid may start at once, and then per second. */
  readonly burst: number;
  readonly perSecond: number;
}

export const UID_LIMITS: UidLimitSettings = { underWay: 16, burst: 100, perSecond: 20 };

interface Account {
  underWay: number;
  tokens: number;
  /** Monotonic ms. */
  at: number;
}

/** How many uids are remembered while they have nothing under way. */
const REMEMBERED = 4_096;

/** Keeps one uid from flooding the server: bounds what it has under way and how fast it starts more. */
export class UidLimits {
  readonly #settings: UidLimitSettings;
  readonly #clock: Clock;
  readonly #accounts = new Map<number, Account>();

  constructor(settings: UidLimitSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Counts a mint; the returned function ends it. Throws LIMIT_REACHED. */
  begin(uid: number): () => void {
    const account = this.#account(uid);
    if (account.underWay >= this.#settings.underWay || account.tokens < 1) {
      throw new SpirlError('LIMIT_REACHED', `user ${uid} asks for too many JWT-SVIDs at once`);
    }
    account.underWay++;
    account.tokens--;
    return () => account.underWay--;
  }

  #account(uid: number): Account {
    const { burst, perSecond } = this.#settings;
    const now = this.#clock.monotonic();
    const account = this.#accounts.get(uid) ?? { underWay: 0, tokens: burst, at: now };
    account.tokens = Math.min(burst, account.tokens + ((now - account.at) / 1000) * perSecond);
    account.at = now;
    this.#accounts.delete(uid);
    this.#accounts.set(uid, account);
    if (this.#accounts.size > REMEMBERED) this.#forgetOne();
    return account;
  }

  #forgetOne(): void {
    for (const [uid, { underWay }] of this.#accounts) {
      if (underWay > 0) continue;
      this.#accounts.delete(uid);
      return;
    }
  }
}
