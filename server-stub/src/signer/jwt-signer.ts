import { randomUUID } from 'node:crypto';
import type { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { SigningKey } from '../domain/signing-key.js';
import { SignatureMaker } from './signature-maker.js';

/** What one JWT-SVID shall say. */
export interface JwtRequest {
  readonly spiffeId: SpiffeId;
  /** At least one. */
  readonly audience: readonly string[];
  readonly ttlMs: number;
  /** Claims of the policy; what the token itself says overrides them. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A signed token. Times are milliseconds since the epoch, as the claims say them. */
export interface SignedJwt {
  /** JWS, compact. A bearer token: never logged. */
  readonly token: string;
  readonly id: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** How a keyset signs JWT-SVIDs. */
export interface JwtAuthorityKey {
  readonly keysetId: string;
  readonly key: SigningKey;
  /** Milliseconds since the epoch; no token lives longer. */
  readonly expiresAt: number;
  /** The `iss` claim; absent unless the operator configured one. */
  readonly issuer?: string;
}

/** Signs JWT-SVIDs, assembled by hand so that a key in another place can sign them too. */
export class JwtSigner {
  readonly #authority: JwtAuthorityKey;
  readonly #signatures: SignatureMaker;
  /** JWT-SVID 2: a closed list of parameters. With the dot that follows. */
  readonly #header: string;

  constructor(authority: JwtAuthorityKey) {
    this.#authority = authority;
    this.#signatures = new SignatureMaker(authority.key);
    const header = { alg: this.#signatures.algorithm.jwsAlg, kid: authority.keysetId, typ: 'JWT' };
    this.#header = `${base64url(header)}.`;
  }

  /** Throws UNAVAILABLE when the keyset has expired, KEY_SERVICE_UNAVAILABLE when its key cannot be used. */
  async sign(request: JwtRequest, now: number, signal: AbortSignal): Promise<SignedJwt> {
    const draft = this.#draft(request, now);
    return finished(draft, await this.#signatures.sign(Buffer.from(draft.input, 'latin1'), signal));
  }

  /** Whether the key is in memory, so that `signSync` may be called. */
  get isSynchronous(): boolean {
    return this.#signatures.isSynchronous;
  }

  /** The same without a turn of the event loop. */
  signSync(request: JwtRequest, now: number): SignedJwt {
    const draft = this.#draft(request, now);
    return finished(draft, this.#signatures.signSync(Buffer.from(draft.input, 'latin1')));
  }

  #draft(request: JwtRequest, now: number): Draft {
    const issuedAt = Math.floor(now / 1000);
    const expiresAt = Math.floor(Math.min(now + request.ttlMs, this.#authority.expiresAt) / 1000);
    if (expiresAt * 1000 <= now) throw new SpirlError('UNAVAILABLE', 'the active keyset has expired');
    const id = randomUUID();
    const claims = {
      ...request.claims,
      // An undefined member is left out, also where the policy has claims of these names.
      iss: this.#authority.issuer,
      nbf: undefined,
      sub: request.spiffeId.toString(),
      aud: request.audience,
      exp: expiresAt,
      iat: issuedAt,
      jti: id,
    };
    return { input: this.#header + base64url(claims), id, issuedAt: issuedAt * 1000, expiresAt: expiresAt * 1000 };
  }
}

/** A token but for its signature. */
interface Draft extends Omit<SignedJwt, 'token'> {
  /** What is signed: header and claims. */
  readonly input: string;
}

function finished({ input, id, issuedAt, expiresAt }: Draft, signature: Uint8Array): SignedJwt {
  const { buffer, byteOffset, length } = signature;
  const token = `${input}.${Buffer.from(buffer, byteOffset, length).toString('base64url')}`;
  return { token, id, issuedAt, expiresAt };
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
}
