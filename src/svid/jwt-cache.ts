import type { JwtSvid } from '../domain/svid.js';
import type { PolicyPart } from './policy-part.js';
import type { Lifetime } from './renewal-schedule.js';

/** What a JWT-SVID is for. `key` names both: equal keys share one. */
export interface JwtSubject {
  readonly key: string;
  readonly part: PolicyPart;
  /** Sorted, without duplicates. */
  readonly audience: readonly string[];
  /** The uid that asked for it first. */
  readonly uid: number;
}

/** A cached JWT-SVID. */
export interface JwtEntry extends JwtSubject {
  readonly svid: JwtSvid;
  readonly keysetId: string;
  readonly trustVersion: number;
  readonly policyVersion: number;
  readonly lifetime: Lifetime;
  readonly dueAt: number;
  /** Asked for again since it was issued: only then it is worth refreshing. */
  wanted: boolean;
  refreshing: boolean;
  attempts: number;
  /** Monotonic ms. */
  retryAt: number;
}

export interface JwtCacheLimits {
  readonly max: number;
  /** Of one uid: a uid that asks for ever new audiences drives out only its own. */
  readonly maxPerUid: number;
}

/** JWT-SVIDs, least recently asked for first; bounded as a whole and per uid. */
export class JwtCache {
  readonly #limits: JwtCacheLimits;
  readonly #entries = new Map<string, JwtEntry>();
  readonly #byUid = new Map<number, Set<string>>();

  constructor(limits: JwtCacheLimits) {
    this.#limits = limits;
  }
  get size(): number {
    return this.#entries.size;
  }
  all(): IterableIterator<JwtEntry> {
    return this.#entries.values();
  }
  /** Looks without counting as asked for. */
  peek(key: string): JwtEntry | undefined {
    return this.#entries.get(key);
  }
  /** Looks for a caller: what it finds goes to the end of the queue of those that make room. */
  find(key: string): JwtEntry | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#place(entry);
    return entry;
  }
  put(entry: JwtEntry): void {
    this.remove(entry.key);
    const own = this.#byUid.get(entry.uid);
    if (own !== undefined && own.size >= this.#limits.maxPerUid) this.#removeFirst(own);
    if (this.#entries.size >= this.#limits.max) this.#removeFirst(this.#entries.keys());
    this.#place(entry);
  }
  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    const own = this.#byUid.get(entry.uid);
    own?.delete(key);
    if (own?.size === 0) this.#byUid.delete(entry.uid);
  }
  clear(): void {
    this.#entries.clear();
    this.#byUid.clear();
  }

  #place(entry: JwtEntry): void {
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
    const own = this.#byUid.get(entry.uid) ?? new Set();
    own.delete(entry.key);
    own.add(entry.key);
    this.#byUid.set(entry.uid, own);
  }

  #removeFirst(keys: Iterable<string>): void {
    for (const key of keys) {
      this.remove(key);
      return;
    }
  }
}
