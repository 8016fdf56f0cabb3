import { bytes, string } from '../runtime/protobuf/field-kinds.js';
import { many, mapOf, message, MessageType, one, optional } from '../runtime/protobuf/message-type.js';
import { Struct } from './struct-message.js';

// The messages of `proto/spiffe/workload.proto` that are read or written here. Requests without fields are not read.

const X509Svid = new MessageType({
  spiffeId: one(1, string),
  x509Svid: one(2, bytes),
  x509SvidKey: one(3, bytes),
  bundle: one(4, bytes),
  hint: one(5, string),
});

/** `X509SVIDResponse` */
export const X509SvidResponse = new MessageType({
  svids: many(1, message(X509Svid)),
  crl: many(2, bytes),
  federatedBundles: mapOf(3, bytes),
});

/** `X509BundlesResponse` */
export const X509BundlesResponse = new MessageType({ crl: many(1, bytes), bundles: mapOf(2, bytes) });

/** `JWTSVIDRequest` */
export const JwtSvidRequest = new MessageType({ audience: many(1, string), spiffeId: one(2, string) });

const JwtSvid = new MessageType({ spiffeId: one(1, string), svid: one(2, string), hint: one(3, string) });

/** `JWTSVIDResponse` */
export const JwtSvidResponse = new MessageType({ svids: many(1, message(JwtSvid)) });

/** `JWTBundlesResponse` */
export const JwtBundlesResponse = new MessageType({ bundles: mapOf(1, bytes) });

/** `ValidateJWTSVIDRequest` */
export const ValidateRequest = new MessageType({ audience: one(1, string), svid: one(2, string) });

/** `ValidateJWTSVIDResponse` */
export const ValidateResponse = new MessageType({ spiffeId: one(1, string), claims: optional(2, message(Struct)) });
