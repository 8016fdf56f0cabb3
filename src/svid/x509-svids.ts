import type { Attributes } from '../domain/attributes.js';
import type { SpiffeId } from '../domain/spiffe-id.js';
import type { X509Context } from '../domain/x509-context.js';
import { SpirlError } from '../runtime/errors.js';
import { Outage } from './backoff.js';
import { ClockJumps } from './clock-jump.js';
import type { Resolution, SvidMetrics } from './issuer.js';
import { policyPart } from './policy-part.js';
import { RenewalGate } from './renewal-gate.js';
import { type Look, RenewalLoop } from './renewal-loop.js';
import { dueInMs, type Candidate, type Instant } from './renewal-plan.js';
import { isExpiring } from './renewal-schedule.js';
import { forcedRenewalAt } from './taint-wave.js';
import type { PolicyChange, TrustView } from './trust-source.js';
import { isDenied, neverRenewed } from './unavailable.js';
import { partOf, X509Cache } from './x509-cache.js';
import type { HeldSvid, Watcher, X509Entry } from './x509-entry.js';
import { X509Minting, type X509MintingParts } from './x509-minting.js';

export interface X509SvidsParts extends X509MintingParts {
  readonly metrics: SvidMetrics;
  /** Identities held at once. */
  readonly maxIdentities: number;
  /** Renewals that may start per second. */
  readonly renewalsPerSecond: number;
  /** `identity`: one SVID for all streams of an identity; `connection`: one for each stream. */
  readonly sharing: 'identity' | 'connection';
  /** Told whenever an SVID has come or gone. */
  readonly changed: () => void;
  /** Told when one came that an older policy decided. */
  readonly stale: () => void;
}

interface Renewable extends Candidate {
  readonly entry: X509Entry;
  readonly held: HeldSvid;
}

/** What nobody has asked for during this time, and nobody watches, is not renewed. */
const IDLE_MS = 10 * 60_000;

/** The X.509-SVIDs of this node: cached per identity, renewed in time, pushed to the streams that watch them. */
export class X509Svids {
  readonly #parts: X509SvidsParts;
  readonly #cache: X509Cache;
  readonly #outage: Outage;
  readonly #minting: X509Minting;
  readonly #loop: RenewalLoop<Renewable>;
  readonly #jumps: ClockJumps;
  readonly #ended = new AbortController();
  #streams = 0;

  constructor(parts: X509SvidsParts) {
    this.#parts = parts;
    this.#cache = new X509Cache(parts.maxIdentities);
    this.#outage = new Outage(parts.random);
    this.#jumps = new ClockJumps(parts.log);
    const changed = (entry: X509Entry): void => this.#changed(entry);
    this.#minting = new X509Minting(parts, this.#cache, this.#outage, changed, this.#ended.signal);
    const work = {
      look: (now: Instant) => this.#look(now),
      isWanted: (found: Renewable, now: Instant) => this.#isWanted(found, now),
      renew: (due: readonly Renewable[]) => this.#renew(due),
    };
    const { clock, log, renewalsPerSecond } = parts;
    const loop = { gate: new RenewalGate(renewalsPerSecond), outage: this.#outage, clock, log, sent: 'Renewals sent' };
    this.#loop = new RenewalLoop(work, loop);
  }

  /** Renews until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#loop.run(signal);
    } finally {
      this.#ended.abort();
    }
  }

  /**
   * Calls `deliver` with the caller's context as soon as there is one, and with each newer one. Resolves when `signal` aborts;
   * rejects with NO_IDENTITY_ISSUED, UNAVAILABLE or LIMIT_REACHED when the stream has to end.
   */
  async watch(attributes: Attributes, deliver: (context: X509Context) => void, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.trust.known(signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await new Promise<void>((resolve, reject) => {
      const suffix = this.#parts.sharing === 'connection' ? `#${++this.#streams}` : '';
      const end = (error: unknown): void => {
        signal.removeEventListener('abort', leave);
        reject(error);
      };
      const watcher: Watcher = {
        ...{ attributes, suffix, deliver, end },
        ...{ waiting: true, given: undefined, entry: undefined },
      };
      const leave = (): void => {
        watcher.entry?.watchers.delete(watcher);
        resolve();
      };
      signal.addEventListener('abort', leave, { once: true });
      try {
        this.#enter(watcher);
      } catch (error) {
        end(error);
      }
    });
  }

  /** Takes in the present trust view and bundles; when it returns, everything has been handed to all streams. */
  trustChanged(change: PolicyChange): void {
    const trust = this.#parts.trust.view;
    const bundles = this.#parts.bundles.x509;
    if (trust === undefined || bundles === undefined) return;
    if (change === 'reads') this.#cache.refile(trust.policy.reads);
    for (const entry of this.#cache.all()) {
      if (change !== 'none') this.#policyChanged(entry);
      entry.show(bundles);
    }
    this.#loop.wake();
  }

  /** The SPIFFE ID of a caller whose SVID is held and agrees with the present policy. */
  identityOf(attributes: Attributes): SpiffeId | undefined {
    const trust = this.#parts.trust.view;
    if (trust === undefined || this.#parts.sharing === 'connection') return undefined;
    const entry = this.#cache.find(policyPart(attributes, trust.policy.reads).key);
    return entry !== undefined && this.#minting.isUsable(entry, trust) ? entry.held?.svid.spiffeId : undefined;
  }

  /** SVIDs held, per keyset id. */
  svidsPerKeyset(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { held } of this.#cache.all()) {
      if (held !== undefined) counts[held.keysetId] = (counts[held.keysetId] ?? 0) + 1;
    }
    return counts;
  }

  /** Entries of which nobody knows yet whether the present policy would issue them differently. */
  unchecked(): readonly X509Entry[] {
    const version = this.#parts.trust.view?.policy.version;
    return [...this.#cache.all()].filter(
      ({ held, outdated }) => held !== undefined && held.policyVersion !== version && !outdated,
    );
  }

  /** Takes in what policy `version` decides for an entry that held `held` when it was asked. */
  decided(entry: X509Entry, held: HeldSvid, version: number, answer: Resolution | SpirlError): void {
    const current = this.#parts.trust.view?.policy.version === version;
    if (!current || entry.held !== held || !this.#cache.holds(entry)) return;
    if (answer instanceof SpirlError) {
      if (isDenied(answer)) this.#minting.drop(entry, answer);
      return;
    }
    if (answer.outcome === held.svid.outcome) {
      entry.held = { ...held, policyVersion: version };
    } else {
      entry.outdated = true;
      this.#loop.wake();
    }
  }

  #enter(watcher: Watcher): void {
    const trust = this.#parts.trust.view;
    if (trust === undefined) throw new Error('a stream was let in before the first trust state');
    const entry = this.#cache.obtain(partOf(watcher, trust.policy.reads));
    entry.askedAt = this.#parts.clock.monotonic();
    watcher.waiting = !this.#minting.isUsable(entry, trust);
    entry.adopt(watcher);
    if (watcher.waiting) this.#minting.first(entry);
  }

  #changed(entry: X509Entry): void {
    this.#parts.changed();
    const { trust } = this.#parts;
    const candidate = trust.view === undefined ? undefined : renewableOf(entry, trust.view);
    if (candidate === undefined) return;
    if (candidate.held.policyVersion !== trust.view?.policy.version) this.#parts.stale();
    this.#loop.add(candidate);
  }

  #policyChanged(entry: X509Entry): void {
    entry.outdated = false;
    if (entry.hasWaiting) {
      const found = this.#cache.find(entry.part.key) ?? entry;
      if (found !== entry) for (const watcher of [...entry.watchers]) if (watcher.waiting) found.adopt(watcher);
      this.#minting.first(found);
    }
    // What only lies in the cache is asked for anew when it is wanted.
    if (entry.watchers.size === 0 && entry.flight === undefined) this.#cache.remove(entry);
  }

  #look(now: Instant): Look<Renewable> {
    this.#jumps.look(now);
    const trust = this.#parts.trust.view;
    if (trust === undefined) return { candidates: [], nextInMs: Infinity };
    const candidates: Renewable[] = [];
    let expiring = 0;
    let nextInMs = Infinity;
    for (const entry of this.#cache.all()) {
      const candidate = renewableOf(entry, trust);
      if (candidate === undefined || this.#letGo(candidate, now)) continue;
      if (isExpiring(candidate.held.lifetime, now.wall)) expiring++;
      if (candidate.notAfter > now.wall) nextInMs = Math.min(nextInMs, candidate.notAfter - now.wall);
      if (entry.flight === undefined) candidates.push(candidate);
    }
    this.#parts.metrics.expiring('x509', expiring);
    return { candidates, nextInMs };
  }

  /** Not when it has got another SVID meanwhile, or is getting one. */
  #isWanted(found: Renewable, now: Instant): boolean {
    const { entry, held } = found;
    if (entry.flight !== undefined || entry.held?.svid !== held.svid || !this.#cache.holds(entry)) return false;
    return !this.#letGo(found, now);
  }

  /** Settles with those that still have the SVID that they had. */
  async #renew(due: readonly Renewable[]): Promise<readonly Renewable[]> {
    await this.#minting.renew(due.map(({ entry }) => entry));
    const trust = this.#parts.trust.view;
    if (trust === undefined) return [];
    const failed = due.filter(({ entry, held }) => entry.held?.svid === held.svid && this.#cache.holds(entry));
    return failed.flatMap(({ entry }) => renewableOf(entry, trust) ?? []);
  }

  /** Ends what has expired and could not be renewed, and what is due but wanted by nobody. */
  #letGo(candidate: Renewable, now: Instant): boolean {
    const { entry, notAfter, attempts } = candidate;
    // The answer under way decides.
    if (entry.flight !== undefined) return false;
    const expired = notAfter <= now.wall;
    if (entry.watchers.size === 0) {
      const idle = now.monotonic - entry.askedAt > IDLE_MS;
      if (!expired && !(idle && dueInMs(candidate, now) <= 0)) return false;
    } else if (!expired || (attempts === 0 && !this.#outage.isAway)) {
      // Expired and never tried: the machine slept or the clock jumped. It is due, so it gets its chance first.
      return false;
    }
    this.#minting.drop(entry, neverRenewed());
    return true;
  }
}

function renewableOf(entry: X509Entry, trust: TrustView): Renewable | undefined {
  const { held, retryAt, attempts } = entry;
  if (held === undefined) return undefined;
  const forcedAt = entry.outdated ? -Infinity : forcedRenewalAt(trust.keysets, held);
  return { entry, held, dueAt: held.dueAt, forcedAt, retryAt, attempts, notAfter: held.svid.notAfter };
}
