import type { Attributes } from '../domain/attributes.js';
import type { SpiffeId } from '../domain/spiffe-id.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { SpirlError } from '../runtime/errors.js';
import { orAbort } from '../runtime/task-group.js';
import { ISSUER_DEADLINE_MS, type IdentityResolver } from './issuer.js';
import { policyPart, type PolicyPart } from './policy-part.js';
import type { PolicyChange, TrustSource } from './trust-source.js';
import { isDenied, shownToWorkload } from './unavailable.js';

/** Whose SVID is held already. */
export interface HeldIdentities {
  identityOf(attributes: Attributes): SpiffeId | undefined;
}

export interface EntitlementParts {
  readonly held: HeldIdentities;
  readonly resolver: IdentityResolver;
  readonly trust: TrustSource;
  readonly clock: Clock;
}

/** How long the server's word is taken for granted: that there is an identity, and that there is none. */
const GRANTED_MS = 60_000;
const DENIED_MS = 1_000;
const MAX_KNOWN = 4_096;

interface Known {
  readonly answer: SpiffeId | SpirlError;
  /** Monotonic ms. */
  readonly until: number;
}

/** Tells callers with an identity from those without, for the RPCs that hand out no SVID. Nothing is minted. */
export class Entitlement {
  readonly #parts: EntitlementParts;
  readonly #known = new Map<string, Known>();
  readonly #flights = new Map<string, Promise<SpiffeId>>();

  constructor(parts: EntitlementParts) {
    this.#parts = parts;
  }

  /** Throws NO_IDENTITY_ISSUED, or UNAVAILABLE when nobody can say. */
  async requireIdentity(attributes: Attributes, signal: AbortSignal): Promise<SpiffeId> {
    const { policy } = await this.#parts.trust.known(signal);
    const held = this.#parts.held.identityOf(attributes);
    if (held !== undefined) return held;
    const part = policyPart(attributes, policy.reads);
    const known = this.#known.get(part.key);
    if (known === undefined || known.until <= this.#parts.clock.monotonic()) {
      return orAbort(this.#ask(part), signal);
    }
    if (known.answer instanceof SpirlError) throw known.answer;
    return known.answer;
  }

  trustChanged(change: PolicyChange): void {
    if (change === 'none') return;
    this.#known.clear();
    this.#flights.clear();
  }

  #ask(part: PolicyPart): Promise<SpiffeId> {
    const underWay = this.#flights.get(part.key);
    if (underWay !== undefined) return underWay;
    const mine = (): boolean => this.#flights.get(part.key) === flight;
    const flight: Promise<SpiffeId> = this.#resolve(part, mine).finally(() => {
      if (mine()) this.#flights.delete(part.key);
    });
    this.#flights.set(part.key, flight);
    flight.catch(() => {});
    return flight;
  }

  /** `current`: whether the policy is still the one that was asked about. */
  async #resolve(part: PolicyPart, current: () => boolean): Promise<SpiffeId> {
    const { resolver, clock } = this.#parts;
    const never = new AbortController().signal;
    try {
      const call = (signal: AbortSignal) => resolver.resolve([part.attributes], signal);
      const [answer] = await withDeadline(call, ISSUER_DEADLINE_MS, 'the server does not answer', clock, never);
      if (answer === undefined) throw new Error('the server answered no item');
      if (answer instanceof SpirlError) throw answer;
      if (current()) this.#remember(part.key, answer.spiffeId, GRANTED_MS);
      return answer.spiffeId;
    } catch (error) {
      const shown = shownToWorkload(error);
      if (isDenied(shown) && current()) this.#remember(part.key, shown, DENIED_MS);
      throw shown;
    }
  }

  #remember(key: string, answer: SpiffeId | SpirlError, ms: number): void {
    this.#known.delete(key);
    this.#known.set(key, { answer, until: this.#parts.clock.monotonic() + ms });
    if (this.#known.size <= MAX_KNOWN) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
