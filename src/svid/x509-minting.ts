import pLimit from 'p-limit';
import { Overloaded } from '../domain/overloaded.js';
import type { X509Svid } from '../domain/svid.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { SpirlError } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import { backoffMs, type Outage, RETRY_MAX_MS, retryWaitMs } from './backoff.js';
import { ISSUER_DEADLINE_MS, type X509Issuer } from './issuer.js';
import type { RenewalChance } from './renewal-chance.js';
import { lifetimeOf, renewalDueAt } from './renewal-schedule.js';
import { standingOf } from './taint-wave.js';
import type { TrustBundles } from './trust-bundles.js';
import type { TrustSource, TrustView } from './trust-source.js';
import { isDenied, shownToWorkload } from './unavailable.js';
import type { X509Cache } from './x509-cache.js';
import type { HeldSvid, X509Entry } from './x509-entry.js';

export interface X509MintingParts {
  readonly issuer: X509Issuer;
  readonly trust: TrustSource;
  readonly bundles: TrustBundles;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly chance: RenewalChance;
  /** Id that the server gave this agent; part of what spreads renewals. */
  readonly agentId: () => string;
}

/** First fetches on the wire at once; the issuer puts neighbours into one message. */
export const FIRST_MINTS_AT_ONCE = 256;

/** A renewal that is denied is asked for once more: news of a changed policy may still be on their way. */
const DENIED_AGAIN_MS = 2_000;

interface Flight {
  readonly entry: X509Entry;
  readonly token: object;
}

/** Asks for SVIDs and puts the answers into entries: replace, then drop. */
export class X509Minting {
  readonly #parts: X509MintingParts;
  readonly #cache: X509Cache;
  readonly #outage: Outage;
  readonly #changed: (entry: X509Entry) => void;
  readonly #signal: AbortSignal;
  readonly #firsts = pLimit(FIRST_MINTS_AT_ONCE);

  /** `changed` is told of each entry that got an SVID or lost it; calls end when `signal` aborts. */
  constructor(
    parts: X509MintingParts,
    cache: X509Cache,
    outage: Outage,
    changed: (entry: X509Entry) => void,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#cache = cache;
    this.#outage = outage;
    this.#changed = changed;
    this.#signal = signal;
  }

  /** Asks for an entry's SVID because a workload waits for it; joins a call that is under way. Not held up by renewals. */
  first(entry: X509Entry): void {
    if (entry.flight !== undefined) return;
    const flight = takeOff(entry);
    this.#firsts(() => this.#call([flight], false)).catch((error: unknown) =>
      this.#parts.log.error('Minting failed unexpectedly', { error }),
    );
  }

  /** Sends the renewals of `entries` in one message, at once. */
  renew(entries: readonly X509Entry[]): Promise<void> {
    const flights = entries.filter((entry) => entry.flight === undefined && !this.#joined(entry)).map(takeOff);
    return flights.length === 0 ? Promise.resolve() : this.#call(flights, true);
  }

  /** Whether what an entry holds may be given to a workload that asks now. */
  isUsable(entry: X509Entry, trust: TrustView): boolean {
    const { held } = entry;
    return (
      held !== undefined &&
      held.svid.notAfter > this.#parts.clock.now() &&
      held.policyVersion === trust.policy.version &&
      standingOf(trust.keysets, held) !== 'absent'
    );
  }

  /** Ends an entry with its streams. */
  drop(entry: X509Entry, error: SpirlError): void {
    this.#cache.remove(entry);
    entry.end(error);
    this.#changed(entry);
  }

  /** Lets the streams of a double follow the entry that is found by the same key, once that has an SVID under the present policy. */
  #joined(entry: X509Entry): boolean {
    const first = this.#cache.find(entry.part.key);
    const trust = this.#parts.trust.view;
    if (first === undefined || first === entry || trust === undefined || !this.isUsable(first, trust)) return false;
    for (const watcher of [...entry.watchers]) {
      watcher.waiting = false;
      first.adopt(watcher);
    }
    this.#cache.remove(entry);
    this.#changed(entry);
    return true;
  }

  async #call(asked: readonly Flight[], renewal: boolean): Promise<void> {
    const flights = asked.filter(({ entry, token }) => entry.flight === token);
    if (flights.length === 0) return;
    const policyVersion = this.#parts.trust.view?.policy.version ?? 0;
    const answers = await this.#mint(flights, renewal);
    if (this.#signal.aborted) return;
    const failed = answers.every((answer) => answer instanceof Error && !isDenied(answer));
    if (!failed) this.#outage.answered();
    else if (renewal) this.#outage.failed(this.#parts.clock.monotonic());
    for (const [index, { entry, token }] of flights.entries()) {
      // Filed under another key meanwhile, or gone.
      if (entry.flight !== token || !this.#cache.holds(entry)) continue;
      entry.flight = undefined;
      const answer = answers[index];
      if (answer === undefined || answer instanceof Error) this.#failed(entry, answer, failed);
      else this.#succeeded(entry, answer, policyVersion);
    }
  }

  async #mint(flights: readonly Flight[], renewal: boolean): Promise<readonly (X509Svid | Error)[]> {
    const items = flights.map(({ entry }) => ({ attributes: entry.part.attributes, renewal }));
    const { issuer, clock, log } = this.#parts;
    try {
      const call = (signal: AbortSignal): Promise<readonly (X509Svid | SpirlError)[]> => issuer.mint(items, signal);
      return await withDeadline(call, ISSUER_DEADLINE_MS, 'the server does not answer', clock, this.#signal);
    } catch (error) {
      if (!(error instanceof SpirlError) && !this.#signal.aborted) log.error('Minting failed unexpectedly', { error });
      return flights.map(() => (error instanceof Error ? error : new Error('minting failed', { cause: error })));
    }
  }

  #succeeded(entry: X509Entry, svid: X509Svid, policyVersion: number): void {
    const { trust, bundles, clock, agentId, random, chance } = this.#parts;
    const { view } = trust;
    if (view === undefined || bundles.x509 === undefined) throw new Error('an SVID came before the first trust state');
    const lifetime = lifetimeOf(svid, clock.now());
    const fraction = chance.renewal(agentId(), svid.spiffeId.toString(), svid.serial);
    const dueAt = renewalDueAt(lifetime, fraction);
    const held: HeldSvid = {
      svid,
      lifetime,
      dueAt,
      keysetId: svid.keysetId,
      trustVersion: view.version,
      policyVersion,
    };
    const attempts = entry.attempts + 1;
    entry.replace(held, bundles.x509);
    if (standingOf(view.keysets, held) !== 'living') {
      // The server has not heard of the taint or removal yet: asking again at once would only repeat this.
      entry.attempts = attempts;
      entry.retryAt = clock.monotonic() + backoffMs(attempts, RETRY_MAX_MS, random);
    }
    this.#changed(entry);
  }

  #failed(entry: X509Entry, error: unknown, serverAway: boolean): void {
    const { clock, random, log } = this.#parts;
    const shown = shownToWorkload(error);
    entry.end(shown, (watcher) => watcher.waiting);
    if (isDenied(error)) entry.denials++;
    if (entry.held === undefined || entry.held.svid.notAfter <= clock.now() || entry.denials > 1) {
      this.drop(entry, shown);
      return;
    }
    if (isDenied(error)) {
      entry.retryAt = clock.monotonic() + DENIED_AGAIN_MS;
      return;
    }
    // The valid SVID stays: an outage of the server must not end every stream on the node.
    entry.attempts++;
    const spiffeId = entry.held.svid.spiffeId.toString();
    log.warn('Renewal failed, the present SVID stays', { spiffeId, error: shown.cause ?? shown });
    if (serverAway) return;
    const askedMs = error instanceof Overloaded ? error.retryAfterMs : 0;
    entry.retryAt = clock.monotonic() + retryWaitMs(entry.attempts, askedMs, random);
  }
}

function takeOff(entry: X509Entry): Flight {
  const token = {};
  entry.flight = token;
  return { entry, token };
}
