import type { JwtSvid, X509Svid } from '../domain/svid.js';
import { jwksOf, type TrustBundle } from '../domain/trust-bundle.js';
import type { X509Context } from '../domain/x509-context.js';
import { SpirlError } from '../runtime/errors.js';
import { framed } from '../runtime/grpc-frame.js';
import { madeOnce } from '../runtime/made-once.js';
import type { MessageOf, MessageType } from '../runtime/protobuf/message-type.js';
import type { BundleSet } from './bundle-source.js';
import { structOf } from './struct-message.js';
import {
  JwtBundlesResponse,
  JwtSvidRequest,
  JwtSvidResponse,
  ValidateRequest,
  ValidateResponse,
  X509BundlesResponse,
  X509SvidResponse,
} from './wire-messages.js';

export const SERVICE = 'SpiffeWorkloadAPI';

/** `spiffeId` is empty when not given. */
export type JwtSvidRequestMessage = MessageOf<typeof JwtSvidRequest>;

export type ValidateRequestMessage = MessageOf<typeof ValidateRequest>;

export function decodeJwtSvidRequest(bytes: Buffer): JwtSvidRequestMessage {
  return decode(JwtSvidRequest, bytes);
}

export function decodeValidateRequest(bytes: Buffer): ValidateRequestMessage {
  return decode(ValidateRequest, bytes);
}

/** Throws INVALID_REQUEST when the bytes are no such message. */
function decode<T extends object>(type: MessageType<T>, bytes: Buffer): T {
  try {
    return type.decode(bytes);
  } catch (error) {
    throw new SpirlError('INVALID_REQUEST', 'request: the bytes are no message of the expected type', { cause: error });
  }
}

/** Framed, so that one encoding goes out on many streams. */
function encode<T extends object>(type: MessageType<T>, message: Partial<T>): Buffer {
  return framed(type.encode(message));
}

/** Runs `encodeAll` once per snapshot. */
function once<K extends object>(encodeAll: (snapshot: K) => Buffer): (snapshot: K) => Buffer {
  const made = madeOnce<K, undefined, Buffer>(encodeAll);
  return (snapshot) => made(snapshot, undefined);
}

/** `X509SVIDResponse`, encoded once per context. */
export const encodeX509Context: (context: X509Context) => Buffer = once(({ svids, bundle, federatedBundles }) => {
  const authorities = x509Bytes(bundle);
  const hints = uniqueHints(svids);
  return encode(X509SvidResponse, {
    svids: svids.map((svid, index) => x509SvidMessage(svid, authorities, hints[index] ?? '')),
    federatedBundles: byTrustDomain(federatedBundles, x509Bytes),
  });
});

/** `X509BundlesResponse`, encoded once per set. */
export const encodeX509Bundles: (set: BundleSet) => Buffer = once(({ bundles }) =>
  encode(X509BundlesResponse, { bundles: byTrustDomain(bundles, x509Bytes) }),
);

/** `JWTBundlesResponse`, encoded once per set. */
export const encodeJwtBundles: (set: BundleSet) => Buffer = once(({ bundles }) =>
  encode(JwtBundlesResponse, {
    bundles: byTrustDomain(bundles, (bundle) => Buffer.from(JSON.stringify(jwksOf(bundle)))),
  }),
);

/** `JWTSVIDResponse` */
export function encodeJwtSvids(svids: readonly JwtSvid[]): Buffer {
  const hints = uniqueHints(svids);
  return encode(JwtSvidResponse, {
    svids: svids.map(({ spiffeId, token }, index) => ({
      spiffeId: spiffeId.toString(),
      svid: token,
      hint: hints[index] ?? '',
    })),
  });
}

/** `ValidateJWTSVIDResponse` */
export function encodeValidated(spiffeId: string, claims: Readonly<Record<string, unknown>>): Buffer {
  return encode(ValidateResponse, { spiffeId, claims: structOf(claims) });
}

function x509SvidMessage(svid: X509Svid, authorities: Buffer, hint: string) {
  return {
    spiffeId: svid.spiffeId.toString(),
    x509Svid: Buffer.concat(svid.chain),
    x509SvidKey: svid.privateKey,
    bundle: authorities,
    hint,
  };
}

/** WA 5.2.1: a hint that is not empty stands once in a response; clients take the first. */
function uniqueHints(svids: readonly { readonly hint: string }[]): readonly string[] {
  return svids.map(({ hint }, index) => (svids.findIndex((svid) => svid.hint === hint) === index ? hint : ''));
}

function x509Bytes({ x509Authorities }: TrustBundle): Buffer {
  return Buffer.concat(x509Authorities.map(({ certificate }) => certificate));
}

/** Keyed by the trust domain's SPIFFE ID and in its order, so that equal content has equal bytes. */
function byTrustDomain(
  bundles: readonly TrustBundle[],
  bytesOf: (bundle: TrustBundle) => Buffer,
): Readonly<Record<string, Buffer>> {
  const entries = bundles.map((bundle) => [`spiffe://${bundle.trustDomain}`, bytesOf(bundle)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
