import type { Attributes } from '../domain/attributes.js';
import type { SpiffeId } from '../domain/spiffe-id.js';
import type { JwtSvid } from '../domain/svid.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { hasCode, SpirlError } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import { orAbort } from '../runtime/task-group.js';
import { backoffMs, Outage, RETRY_MAX_MS } from './backoff.js';
import { ISSUER_DEADLINE_MS, type JwtIssuer, type SvidMetrics } from './issuer.js';
import { JwtCache, type JwtCacheLimits, type JwtEntry, type JwtSubject } from './jwt-cache.js';
import { policyPart } from './policy-part.js';
import { RenewalGate } from './renewal-gate.js';
import { type Look, RenewalLoop } from './renewal-loop.js';
import type { Instant } from './renewal-plan.js';
import { isExpiring, lifetimeOf, renewalDueAt, renewalFraction } from './renewal-schedule.js';
import { standingOf } from './taint-wave.js';
import type { PolicyChange, TrustSource } from './trust-source.js';
import { UidLimits, type UidLimitSettings } from './uid-limits.js';
import { isDenied, shownToWorkload } from './unavailable.js';

export interface JwtSvidsParts {
  readonly issuer: JwtIssuer;
  readonly trust: TrustSource;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: SvidMetrics;
  readonly random: () => number;
  readonly agentId: () => string;
  readonly cache: JwtCacheLimits;
  readonly uid: UidLimitSettings;
}

export interface JwtSvidRequest {
  readonly attributes: Attributes;
  readonly uid: number;
  readonly audience: readonly string[];
  /** The only identity that the caller wants. */
  readonly spiffeId?: SpiffeId;
}

/** One that ends within this time, or within the last tenth of its life if that is shorter, is not given out any more. */
const LAST_MS = 10_000;
const LAST_PART = 0.1;
/** Bytes of all audiences of one request. */
const MAX_AUDIENCE_BYTES = 8_192;

interface Refresh {
  readonly entry: JwtEntry;
  readonly dueAt: number;
  readonly forcedAt: undefined;
  readonly retryAt: number;
  readonly attempts: number;
  readonly notAfter: number;
}

/**
 * JWT-SVIDs, cached per identity and audience set and refreshed in the background while they are asked for. A taint leaves them
 * alone; when their keyset lives no more they go at once.
 */
export class JwtSvids {
  readonly #parts: JwtSvidsParts;
  readonly #cache: JwtCache;
  readonly #limits: UidLimits;
  readonly #flights = new Map<string, Promise<JwtSvid>>();
  readonly #outage: Outage;
  readonly #loop: RenewalLoop<Refresh>;
  readonly #ended = new AbortController();
  /** Grows when what the policy reads changes: keys made before mean nothing now. */
  #keys = 0;

  constructor(parts: JwtSvidsParts) {
    this.#parts = parts;
    this.#cache = new JwtCache(parts.cache);
    this.#limits = new UidLimits(parts.uid, parts.clock);
    this.#outage = new Outage(parts.random);
    const { clock, log } = parts;
    const work = {
      look: (now: Instant) => this.#look(now),
      isWanted: ({ entry }: Refresh) => this.#isWanted(entry),
      renew: async (due: readonly Refresh[]) => {
        await Promise.all(due.map(({ entry }) => this.#refresh(entry)));
        return due.filter(({ entry }) => this.#isWanted(entry)).map(({ entry }) => refreshOf(entry));
      },
    };
    const loop = { gate: new RenewalGate(), outage: this.#outage, clock, log, sent: 'JWT-SVID refreshes sent' };
    this.#loop = new RenewalLoop(work, loop);
  }

  /** JWT-SVIDs held. */
  get size(): number {
    return this.#cache.size;
  }

  /** Refreshes until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#loop.run(signal);
    } finally {
      this.#ended.abort();
    }
  }

  /** Throws NO_IDENTITY_ISSUED, INVALID_REQUEST, LIMIT_REACHED or UNAVAILABLE. */
  async jwtSvids(request: JwtSvidRequest, signal: AbortSignal): Promise<readonly JwtSvid[]> {
    const { policy } = await this.#parts.trust.known(signal);
    const svid = await this.#obtain(subjectOf(request, policy.reads), policy.version, signal);
    if (request.spiffeId !== undefined && request.spiffeId.toString() !== svid.spiffeId.toString()) {
      throw new SpirlError('NO_IDENTITY_ISSUED', `the caller is not entitled to ${request.spiffeId.toString()}`);
    }
    return [svid];
  }

  trustChanged(change: PolicyChange): void {
    if (change === 'reads') {
      this.#keys++;
      this.#cache.clear();
      this.#flights.clear();
    }
    const keysets = this.#parts.trust.view?.keysets;
    if (keysets === undefined) return;
    for (const entry of this.#cache.all()) {
      if (standingOf(keysets, entry) === 'absent') this.#cache.remove(entry.key);
    }
  }

  async #obtain(subject: JwtSubject, policyVersion: number, signal: AbortSignal): Promise<JwtSvid> {
    const entry = this.#cache.find(subject.key);
    const valid = entry !== undefined && isServable(entry, this.#parts.clock.now());
    if (valid && entry.policyVersion === policyVersion) {
      if (!entry.wanted) {
        entry.wanted = true;
        this.#loop.add(refreshOf(entry));
      }
      return entry.svid;
    }
    try {
      return await orAbort(this.#mintOnce(subject), signal);
    } catch (error) {
      if (signal.aborted || hasCode(error, 'LIMIT_REACHED', 'INVALID_REQUEST', 'NO_IDENTITY_ISSUED')) throw error;
      // Of an older policy with the same keys, but the server cannot say what is right now.
      if (valid) return entry.svid;
      throw error;
    }
  }

  /** One call per key at a time; others wait for the same answer. */
  #mintOnce(subject: JwtSubject): Promise<JwtSvid> {
    const underWay = this.#flights.get(subject.key);
    if (underWay !== undefined) return underWay;
    const end = this.#limits.begin(subject.uid);
    return this.#fly(subject, this.#mint(subject).finally(end));
  }

  #fly(subject: JwtSubject, minting: Promise<JwtSvid>): Promise<JwtSvid> {
    const flight = minting.finally(() => {
      if (this.#flights.get(subject.key) === flight) this.#flights.delete(subject.key);
    });
    this.#flights.set(subject.key, flight);
    // Every caller may have gone before the answer.
    flight.catch(() => {});
    return flight;
  }

  async #mint(subject: JwtSubject): Promise<JwtSvid> {
    const { issuer, trust, clock, log, agentId } = this.#parts;
    const keys = this.#keys;
    const policyVersion = trust.view?.policy.version ?? 0;
    const item = { attributes: subject.part.attributes, audience: subject.audience };
    let svid: JwtSvid;
    try {
      const call = (signal: AbortSignal): Promise<JwtSvid> => issuer.mintJwt(item, signal);
      svid = await withDeadline(call, ISSUER_DEADLINE_MS, 'the server does not answer', clock, this.#ended.signal);
    } catch (error) {
      if (!(error instanceof SpirlError) && !this.#ended.signal.aborted) {
        log.error('Minting failed unexpectedly', { error });
      }
      if (isDenied(error) && keys === this.#keys) this.#cache.remove(subject.key);
      throw shownToWorkload(error);
    }
    this.#outage.answered();
    if (keys !== this.#keys || trust.view === undefined) return svid;
    const lifetime = lifetimeOf({ notBefore: svid.issuedAt, notAfter: svid.expiresAt }, clock.now());
    const dueAt = renewalDueAt(lifetime, renewalFraction(agentId(), svid.spiffeId.toString(), svid.token));
    const signed = { keysetId: svid.keysetId, trustVersion: trust.view.version };
    if (standingOf(trust.view.keysets, signed) === 'absent') return svid;
    const state = { wanted: false, refreshing: false, attempts: 0, retryAt: -Infinity };
    this.#cache.put({ ...subject, svid, ...signed, policyVersion, lifetime, dueAt, ...state });
    return svid;
  }

  async #refresh(entry: JwtEntry): Promise<void> {
    const { clock, random } = this.#parts;
    entry.refreshing = true;
    try {
      await (this.#flights.get(entry.key) ?? this.#fly(entry, this.#mint(entry)));
    } catch (error) {
      entry.attempts++;
      const now = clock.monotonic();
      entry.retryAt = now + backoffMs(entry.attempts, RETRY_MAX_MS, random);
      if (hasCode(error, 'UNAVAILABLE')) this.#outage.failed(now);
    } finally {
      entry.refreshing = false;
    }
  }

  /** Not when another one has taken its place; one of an older policy is minted anew when it is asked for. */
  #isWanted(entry: JwtEntry): boolean {
    const current = entry.policyVersion === this.#parts.trust.view?.policy.version;
    return entry.wanted && !entry.refreshing && current && this.#cache.peek(entry.key) === entry;
  }

  #look(now: Instant): Look<Refresh> {
    const policyVersion = this.#parts.trust.view?.policy.version;
    const candidates: Refresh[] = [];
    let expiring = 0;
    let nextInMs = Infinity;
    for (const entry of this.#cache.all()) {
      const { lifetime } = entry;
      if (lifetime.end <= now.wall) {
        this.#cache.remove(entry.key);
        continue;
      }
      nextInMs = Math.min(nextInMs, lifetime.end - now.wall);
      if (!entry.wanted || entry.policyVersion !== policyVersion) continue;
      if (isExpiring(lifetime, now.wall)) expiring++;
      if (!entry.refreshing) candidates.push(refreshOf(entry));
    }
    this.#parts.metrics.expiring('jwt', expiring);
    return { candidates, nextInMs };
  }
}

function refreshOf(entry: JwtEntry): Refresh {
  const { dueAt, retryAt, attempts, lifetime } = entry;
  return { entry, dueAt, forcedAt: undefined, retryAt, attempts, notAfter: lifetime.end };
}

function isServable(entry: JwtEntry, now: number): boolean {
  const { start, end } = entry.lifetime;
  return end - now > Math.min(LAST_MS, (end - start) * LAST_PART);
}

function subjectOf(request: JwtSvidRequest, reads: readonly string[]): JwtSubject {
  const audience = [...new Set(request.audience)].sort();
  const bytes = audience.reduce((sum, one) => sum + Buffer.byteLength(one), 0);
  if (audience.length === 0 || audience.includes('')) {
    throw new SpirlError('INVALID_REQUEST', 'audience: at least one is required, and none may be empty');
  }
  if (bytes > MAX_AUDIENCE_BYTES) {
    throw new SpirlError('INVALID_REQUEST', `audience: longer than ${MAX_AUDIENCE_BYTES} bytes together`);
  }
  const part = policyPart(request.attributes, reads);
  return { key: JSON.stringify([part.key, audience]), part, audience, uid: request.uid };
}
