import { bool, bytes, int32, int64, string, uint32, uint64 } from '../runtime/protobuf/field-kinds.js';
import { many, mapOf, message, MessageType, one, optional, type MessageOf } from '../runtime/protobuf/message-type.js';

// The messages of `proto/spirl/agent/v1`, which says what they mean.

const LoginHello = new MessageType({
  clusterId: one(1, string),
  agentVersion: one(2, string),
  csr: one(3, bytes),
  nodeName: one(4, string),
});

const LoginProof = new MessageType({ clusterVersionId: one(1, string), signature: one(2, bytes) });

/** `session.LoginRequest` */
export const LoginRequest = new MessageType(
  { hello: optional(1, message(LoginHello)), proof: optional(2, message(LoginProof)) },
  ['hello', 'proof'],
);

const LoginChallenge = new MessageType({ nonce: one(1, bytes), endpointName: one(2, string) });

/** `session.SessionGrant` */
export const SessionGrant = new MessageType({
  agentId: one(1, string),
  certificateChain: many(2, bytes),
  sessionCa: many(3, bytes),
  trustDomain: one(4, string),
  deploymentId: one(5, string),
  clusterId: one(6, string),
  clusterName: one(7, string),
  notBeforeMs: one(8, int64),
  notAfterMs: one(9, int64),
});
export type WireGrant = MessageOf<typeof SessionGrant>;

/** `session.LoginResponse` */
export const LoginResponse = new MessageType(
  { challenge: optional(1, message(LoginChallenge)), grant: optional(2, message(SessionGrant)) },
  ['challenge', 'grant'],
);

/** `session.RenewRequest` */
export const RenewRequest = new MessageType({ csr: one(1, bytes), agentVersion: one(2, string) });

const Values = new MessageType({ values: many(1, string) });

/** `issuance.ItemStatus` */
export const ItemStatus = new MessageType({
  code: one(1, int32),
  message: one(2, string),
  retryAfterMs: one(3, int64),
});
export type WireStatus = MessageOf<typeof ItemStatus>;

const attributes = mapOf(1, message(Values));
const status = optional(1, message(ItemStatus));

const X509Item = new MessageType({ attributes, csr: one(2, bytes), renewal: one(3, bool) });

/** `issuance.MintX509Request` */
export const MintX509Request = new MessageType({
  items: many(1, message(X509Item)),
});

const X509Result = new MessageType({
  status,
  spiffeId: one(2, string),
  chain: many(3, bytes),
  privateKey: one(4, bytes),
  keysetId: one(5, string),
  notBeforeMs: one(6, int64),
  notAfterMs: one(7, int64),
  outcome: one(8, string),
  hint: one(9, string),
  serial: one(10, string),
});
export type WireX509Result = MessageOf<typeof X509Result>;

/** `issuance.MintX509Response` */
export const MintX509Response = new MessageType({
  results: many(1, message(X509Result)),
});

const JwtItem = new MessageType({ attributes, audience: many(2, string) });

/** `issuance.MintJwtRequest` */
export const MintJwtRequest = new MessageType({
  items: many(1, message(JwtItem)),
});

const JwtResult = new MessageType({
  status,
  spiffeId: one(2, string),
  token: one(3, string),
  keysetId: one(4, string),
  issuedAtMs: one(5, int64),
  expiresAtMs: one(6, int64),
  hint: one(7, string),
});
export type WireJwtResult = MessageOf<typeof JwtResult>;

/** `issuance.MintJwtResponse` */
export const MintJwtResponse = new MessageType({
  results: many(1, message(JwtResult)),
});

const ResolveItem = new MessageType({ attributes });

/** `issuance.ResolveRequest` */
export const ResolveRequest = new MessageType({
  items: many(1, message(ResolveItem)),
});

const ResolveResult = new MessageType({ status, spiffeId: one(2, string), outcome: one(3, string) });
export type WireResolveResult = MessageOf<typeof ResolveResult>;

/** `issuance.ResolveResponse` */
export const ResolveResponse = new MessageType({
  results: many(1, message(ResolveResult)),
});

const Position = new MessageType({ deploymentId: one(1, string), epoch: one(2, uint64), revision: one(3, uint64) });

export type WirePosition = MessageOf<typeof Position>;

/** `bundles.SyncRequest` */
export const SyncRequest = new MessageType({
  positions: many(1, message(Position)),
  acknowledgedVersion: one(2, uint64),
  svidsPerKeyset: mapOf(3, uint32),
});
export type WireSyncRequest = MessageOf<typeof SyncRequest>;

const JwtAuthority = new MessageType({ keyId: one(1, string), publicJwk: one(2, string) });

const Bundle = new MessageType({
  trustDomain: one(1, string),
  sequence: one(2, uint64),
  refreshHintSeconds: one(3, uint32),
  x509Authorities: many(4, bytes),
  jwtAuthorities: many(5, message(JwtAuthority)),
});

const KeysetInfo = new MessageType({ id: one(1, string), state: one(2, string) });

const DeploymentState = new MessageType({
  deploymentId: one(1, string),
  epoch: one(2, uint64),
  revision: one(3, uint64),
  keysets: many(4, message(KeysetInfo)),
});

const Policy = new MessageType({ version: one(1, uint64), reads: many(2, string) });

/** `bundles.SyncResponse` */
export const SyncResponse = new MessageType({
  version: one(1, uint64),
  bundles: many(2, message(Bundle)),
  deployments: many(3, message(DeploymentState)),
  sessionCa: many(4, bytes),
  policy: optional(5, message(Policy)),
  sections: mapOf(6, string),
});
export type WireSyncResponse = MessageOf<typeof SyncResponse>;
