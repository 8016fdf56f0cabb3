import {
  LoginRequest,
  LoginResponse,
  MintJwtRequest,
  MintJwtResponse,
  MintX509Request,
  MintX509Response,
  RenewRequest,
  ResolveRequest,
  ResolveResponse,
  SessionGrant,
  SyncRequest,
  SyncResponse,
} from './wire-messages.js';

/** A method of the trust-domain server; what goes each way. */
export interface ServerMethod<Req extends object, Res extends object> {
  /** `/service/method` */
  readonly path: string;
  readonly request: { encode(message: Partial<Req>): Uint8Array };
  readonly response: { decode(bytes: Buffer): Res };
}

/** `spirl/agent/v1/session.proto` */
const SESSION = '/com.spirl.agent.v1.session.API';
export const Login = { path: `${SESSION}/Login`, request: LoginRequest, response: LoginResponse };
export const Renew = { path: `${SESSION}/Renew`, request: RenewRequest, response: SessionGrant };

/** `spirl/agent/v1/agent.proto` */
const AGENT = '/com.spirl.agent.v1.agent.API';
export const MintX509Svids = { path: `${AGENT}/MintX509SVIDs`, request: MintX509Request, response: MintX509Response };
export const MintJwtSvids = { path: `${AGENT}/MintJWTSVIDs`, request: MintJwtRequest, response: MintJwtResponse };
export const ResolveIdentities = {
  path: `${AGENT}/ResolveIdentities`,
  request: ResolveRequest,
  response: ResolveResponse,
};
export const SyncTrustBundles = { path: `${AGENT}/SyncTrustBundles`, request: SyncRequest, response: SyncResponse };
