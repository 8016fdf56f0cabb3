import type { Attributes } from '../../src/domain/attributes.js';
import { SpiffeId } from '../../src/domain/spiffe-id.js';
import type { JwtSvid, X509Svid } from '../../src/domain/svid.js';
import type { TrustBundle } from '../../src/domain/trust-bundle.js';
import type { TrustState } from '../../src/domain/trust-state.js';
import type { Clock } from '../../src/runtime/clock.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { Latest } from '../../src/runtime/latest.js';
import type { Resolution } from '../../src/svid/issuer.js';

type State = 'PREPARED' | 'ACTIVE' | 'TAINTED';

export interface Sent {
  /** Monotonic ms. */
  readonly at: number;
  readonly count: number;
  readonly renewal: boolean;
}

export const UNREACHED: TrustState = {
  ...{ version: 0, bundles: [], deployments: [], sessionCa: [], sections: {} },
  policy: { version: 0, reads: [] },
};

/** A trust-domain server as one agent sees it, in virtual time. */
export class FakeServer {
  readonly trust = new Latest<TrustState>(UNREACHED);
  sent: Sent[] = [];
  readonly jwtSent: number[] = [];
  acks: { at: number; version: number; counts: Readonly<Record<string, number>> }[] = [];
  readonly resolved: number[] = [];
  /** Told of each item of a renewal as it is sent. */
  onRenewal: (attributes: Attributes) => void = () => {};
  keysets = new Map<string, State>([['ks_a', 'ACTIVE']]);
  latencyMs = 20;
  away = false;
  ttlMs = 24 * 3_600_000;
  jwtTtlMs = 3_600_000;
  reads: readonly string[] = ['name'];
  policyVersion = 1;
  /** Path of an identity; undefined: none. */
  path = (attributes: Attributes): string | undefined => attributes['name']?.[0];
  /** Identities whose minting fails although the server is there. */
  broken = new Set<string>();
  federated: readonly TrustBundle[] = [];
  extraAuthorities = 0;
  readonly #clock: Clock;
  #serial = 0;
  #version = 0;
  #sequence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get active(): string {
    return [...this.keysets].find(([, state]) => state === 'ACTIVE')?.[0] ?? '';
  }

  /** Pushes the present state to the agent, unless it cannot be reached. */
  publish(): void {
    if (this.away) return;
    const bundle: TrustBundle = {
      trustDomain: 'example.org',
      sequence: ++this.#sequence,
      refreshHintSeconds: 300,
      x509Authorities: [...this.keysets.keys(), ...Array(this.extraAuthorities).keys()].map((id) => ({
        certificate: Buffer.from(String(id)),
      })),
      jwtAuthorities: [...this.keysets.keys()].map((keyId) => ({ keyId, publicJwk: { kty: 'EC' } })),
    };
    const keysets = Object.fromEntries(this.keysets);
    this.trust.publish({
      version: ++this.#version,
      bundles: [bundle, ...this.federated],
      deployments: [{ deploymentId: 'tdd-1', epoch: 1, revision: this.#version, keysets }],
      sessionCa: [],
      policy: { version: this.policyVersion, reads: this.reads },
      sections: {},
    });
  }

  /** prepare + activate + taint of what was active. */
  rotate(next: string): string {
    const old = this.active;
    this.keysets.set(old, 'TAINTED');
    this.keysets.set(next, 'ACTIVE');
    this.publish();
    return old;
  }

  async mint(
    items: readonly { readonly attributes: Attributes; readonly renewal: boolean }[],
    signal: AbortSignal,
  ): Promise<readonly (X509Svid | SpirlError)[]> {
    const renewal = items[0]?.renewal ?? false;
    this.sent.push({ at: this.#clock.monotonic(), count: items.length, renewal });
    if (renewal) for (const { attributes } of items) this.onRenewal(attributes);
    await this.#answer(signal);
    return items.map(({ attributes }) => this.#x509(attributes));
  }

  async mintJwt(
    { attributes, audience }: { readonly attributes: Attributes; readonly audience: readonly string[] },
    signal: AbortSignal,
  ): Promise<JwtSvid> {
    this.jwtSent.push(this.#clock.monotonic());
    await this.#answer(signal);
    const spiffeId = this.#idOf(attributes);
    if (spiffeId instanceof SpirlError) throw spiffeId;
    const issuedAt = this.#clock.now();
    const token = `${++this.#serial}.${audience.join('+')}`;
    return { spiffeId, token, issuedAt, expiresAt: issuedAt + this.jwtTtlMs, keysetId: this.active, hint: '' };
  }

  async resolve(items: readonly Attributes[], signal: AbortSignal): Promise<readonly (Resolution | SpirlError)[]> {
    this.resolved.push(items.length);
    await this.#answer(signal);
    return items.map((attributes) => {
      const spiffeId = this.#idOf(attributes);
      return spiffeId instanceof SpirlError ? spiffeId : { spiffeId, outcome: spiffeId.toString() };
    });
  }

  acknowledge(version: number, counts: Readonly<Record<string, number>>): void {
    this.acks.push({ at: this.#clock.monotonic(), version, counts });
  }

  /** The most renewals sent in any window of one second, both ends included. */
  get busiestSecond(): number {
    const at = this.sent.flatMap(({ at, count, renewal }) => (renewal ? Array<number>(count).fill(at) : []));
    let most = 0;
    for (let first = 0, last = 0; last < at.length; last++) {
      while ((at[last] ?? 0) - (at[first] ?? 0) > 1000) first++;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  async #answer(signal: AbortSignal): Promise<void> {
    if (!this.away) await this.#clock.sleep(this.latencyMs, signal);
    // Not `else`: it may have gone meanwhile.
    if (this.away) throw new SpirlError('UNAVAILABLE', 'connection lost at 10.0.0.1');
  }

  #idOf(attributes: Attributes): SpiffeId | SpirlError {
    const path = this.path(attributes);
    if (path === undefined) return new SpirlError('NO_IDENTITY_ISSUED', 'no identity issued');
    return SpiffeId.parse(`spiffe://example.org/${path}`);
  }

  #x509(attributes: Attributes): X509Svid | SpirlError {
    const spiffeId = this.#idOf(attributes);
    if (spiffeId instanceof SpirlError) return spiffeId;
    if (this.broken.has(spiffeId.path))
      return new SpirlError('CANNOT_ISSUE', 'the trust-domain server could not issue');
    const now = this.#clock.now();
    const serial = (++this.#serial).toString(16).padStart(4, '0');
    return {
      ...{ spiffeId, serial, chain: [Buffer.from(serial)], privateKey: Buffer.from('key'), hint: '' },
      ...{ notBefore: now - 60_000, notAfter: now + this.ttlMs, keysetId: this.active, outcome: spiffeId.toString() },
    };
  }
}
