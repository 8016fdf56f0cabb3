import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { JwtSvid, X509Svid } from '../domain/svid.js';
import { jwksOf, type TrustBundle } from '../domain/trust-bundle.js';
import type { X509Context } from '../domain/x509-context.js';
import { SpirlError } from '../runtime/errors.js';
import { framed } from '../runtime/grpc-frame.js';
import { loadService } from '../runtime/load-proto.js';
import { madeOnce } from '../runtime/made-once.js';
import type { BundleSet } from './bundle-source.js';
import { structOf } from './struct-message.js';

export const SERVICE = 'SpiffeWorkloadAPI';

/** `JWTSVIDRequest` */
export interface JwtSvidRequestMessage {
  readonly audience: readonly string[];
  /** Empty when not given. */
  readonly spiffeId: string;
}

/** `ValidateJWTSVIDRequest` */
export interface ValidateRequestMessage {
  readonly audience: string;
  readonly svid: string;
}

let published: ServiceDefinition | undefined;

/** The published service; loaded at first use. */
function schema(): ServiceDefinition {
  published ??= loadService('spiffe/workload.proto', SERVICE).definition;
  return published;
}

export function decodeJwtSvidRequest(bytes: Buffer): JwtSvidRequestMessage {
  return decode('FetchJWTSVID', bytes) as JwtSvidRequestMessage;
}

export function decodeValidateRequest(bytes: Buffer): ValidateRequestMessage {
  return decode('ValidateJWTSVID', bytes) as ValidateRequestMessage;
}

/** Throws INVALID_REQUEST when the bytes are no such message. */
function decode(method: string, bytes: Buffer): unknown {
  try {
    return definitionOf(method).requestDeserialize(bytes);
  } catch (error) {
    throw new SpirlError('INVALID_REQUEST', 'request: the bytes are no message of the expected type', { cause: error });
  }
}

/** Framed, so that one encoding goes out on many streams. */
function encode(method: string, message: object): Buffer {
  return framed(definitionOf(method).responseSerialize(message));
}

function definitionOf(method: string): MethodDefinition<object, object> {
  const found: MethodDefinition<object, object> | undefined = schema()[method];
  if (found === undefined) throw new Error(`no method ${method}`);
  return found;
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
  return encode('FetchX509SVID', {
    svids: svids.map((svid, index) => x509SvidMessage(svid, authorities, hints[index] ?? '')),
    federatedBundles: byTrustDomain(federatedBundles, x509Bytes),
  });
});

/** `X509BundlesResponse`, encoded once per set. */
export const encodeX509Bundles: (set: BundleSet) => Buffer = once(({ bundles }) =>
  encode('FetchX509Bundles', { bundles: byTrustDomain(bundles, x509Bytes) }),
);

/** `JWTBundlesResponse`, encoded once per set. */
export const encodeJwtBundles: (set: BundleSet) => Buffer = once(({ bundles }) =>
  encode('FetchJWTBundles', {
    bundles: byTrustDomain(bundles, (bundle) => Buffer.from(JSON.stringify(jwksOf(bundle)))),
  }),
);

/** `JWTSVIDResponse` */
export function encodeJwtSvids(svids: readonly JwtSvid[]): Buffer {
  const hints = uniqueHints(svids);
  return encode('FetchJWTSVID', {
    svids: svids.map(({ spiffeId, token }, index) => ({
      spiffeId: spiffeId.toString(),
      svid: token,
      hint: hints[index],
    })),
  });
}

/** `ValidateJWTSVIDResponse` */
export function encodeValidated(spiffeId: string, claims: Readonly<Record<string, unknown>>): Buffer {
  return encode('ValidateJWTSVID', { spiffeId, claims: structOf(claims) });
}

function x509SvidMessage(svid: X509Svid, authorities: Buffer, hint: string): object {
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
function byTrustDomain(bundles: readonly TrustBundle[], bytesOf: (bundle: TrustBundle) => Buffer): object {
  const entries = bundles.map((bundle) => [`spiffe://${bundle.trustDomain}`, bytesOf(bundle)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
