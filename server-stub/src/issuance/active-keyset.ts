import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Keyset, KeysetKeys, Ring, SigningState } from '../domain/keyset.js';
import { assertClock } from '../keyset/signing-time.js';
import { JwtSigner } from '../signer/jwt-signer.js';
import { MalformedDer } from '../signer/der.js';
import { X509Signer } from '../signer/x509-signer.js';

/** The committed ring with its usable keys, as it is now. */
export interface SigningStateSource {
  readonly value: SigningState;
}

/** The keyset that signs everything new, with its signers. */
export interface ActiveKeyset {
  readonly keyset: Keyset;
  readonly x509: X509Signer;
  readonly jwt: JwtSigner;
}

/** Knows the ACTIVE keyset of the newest snapshot and keeps its signers, whose templates are worth keeping, until another signs. */
export class ActiveKeysets {
  readonly #state: SigningStateSource;
  readonly #jwtIssuer: string | undefined;
  readonly #retire: (signer: X509Signer) => void;
  #known: { readonly active: ActiveKeyset; readonly keys: KeysetKeys } | undefined;

  /**
   * `jwtIssuer`: the `iss` claim of JWT-SVIDs; none unless the operator configured one. `retire` is told of a signer when another
   * one takes its place.
   */
  constructor(state: SigningStateSource, jwtIssuer?: string, retire: (signer: X509Signer) => void = () => {}) {
    this.#state = state;
    this.#jwtIssuer = jwtIssuer;
    this.#retire = retire;
  }

  /** The ring has changed: the signers of a keyset that does not sign any more are retired at once, not when they are next asked for. */
  changed(): void {
    if (this.#known === undefined) return;
    const { keyset, keys } = this.#usable();
    if (keyset === undefined || keys === undefined || !isSame(this.#known, keyset, keys)) this.#forget();
  }

  /** Throws CLOCK_WENT_BACK, UNAVAILABLE when no keyset can sign, STORE_CORRUPT when certificate and key are no pair. */
  at(now: number): ActiveKeyset {
    // One snapshot for all that follows: certificate, key and id belong together.
    const { ring, keyset, keys } = this.#usable();
    assertClock(ring, now);
    if (keyset === undefined || keys === undefined) throw new SpirlError('UNAVAILABLE', 'no keyset can sign yet');
    if (this.#known !== undefined && isSame(this.#known, keyset, keys)) return this.#known.active;
    this.#forget();
    const active = this.#signersOf(keyset, keys);
    this.#known = { active, keys };
    return active;
  }

  #usable(): { ring: Ring; keyset: Keyset | undefined; keys: KeysetKeys | undefined } {
    const { ring, keys } = this.#state.value;
    const keyset = ring.keysets.find(({ state }) => state === 'ACTIVE');
    return { ring, keyset, keys: keyset && keys.get(keyset.id) };
  }

  #forget(): void {
    if (this.#known !== undefined) this.#retire(this.#known.active.x509);
    this.#known = undefined;
  }

  #signersOf(keyset: Keyset, keys: KeysetKeys): ActiveKeyset {
    const issuer = this.#jwtIssuer === undefined ? {} : { issuer: this.#jwtIssuer };
    const jwt = new JwtSigner({ keysetId: keyset.id, key: keys.jwt, expiresAt: keyset.expiresAt, ...issuer });
    try {
      return { keyset, x509: new X509Signer(keyset.caCertificate, keys.x509), jwt };
    } catch (cause) {
      if (!(cause instanceof MalformedDer)) throw cause;
      throw new SpirlError('STORE_CORRUPT', `the CA certificate of keyset ${keyset.id} cannot be read`, { cause });
    }
  }
}

/** Snapshots are new objects each time; what matters to the signers is in these. */
function isSame(known: { active: ActiveKeyset; keys: KeysetKeys }, keyset: Keyset, keys: KeysetKeys): boolean {
  const { keyset: before } = known.active;
  return (
    before.id === keyset.id &&
    known.keys.x509 === keys.x509 &&
    known.keys.jwt === keys.jwt &&
    before.expiresAt === keyset.expiresAt &&
    Buffer.compare(before.caCertificate, keyset.caCertificate) === 0
  );
}
