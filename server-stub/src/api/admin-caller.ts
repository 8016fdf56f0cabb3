import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { unary, type OnUnexpected } from 'spirl-agent/runtime/grpc-adapter.js';
import type { Operator } from '../domain/operator.js';

/** The process at the other end of the admin socket, as the kernel named it when it connected. */
export class AdminCaller {
  readonly uid: number;
  readonly pid: number;
  readonly allowed: boolean;
  /** `ownUid`: the server's own user, who may do everything, as root may. */
  constructor(peer: { readonly uid: number; readonly pid: number }, ownUid: number) {
    this.uid = peer.uid;
    this.pid = peer.pid;
    this.allowed = peer.uid === 0 || peer.uid === ownUid;
  }
}

/** A method of the admin API: who calls is already known to be allowed to. */
export type AdminMethod<Request, Response> = (
  request: Request,
  caller: { readonly operator: Operator; readonly signal: AbortSignal },
) => Promise<Response> | Response;

/** Runs a method as a gRPC handler for allowed callers; all others get NOT_AUTHORIZED, whatever they ask. */
export function adminMethod<Request, Response>(
  method: AdminMethod<Request, Response>,
  onUnexpected: OnUnexpected,
): (call: ServerUnaryCall<Request, Response>, done: sendUnaryData<Response>) => void {
  const handler = unary<Request, Response>(async (request, { peer, signal }) => {
    return method(request, { operator: operatorOf(peer), signal });
  }, onUnexpected);
  return (call, done) => void handler(call, done);
}

function operatorOf(peer: unknown): Operator {
  if (!(peer instanceof AdminCaller)) throw new SpirlError('NOT_AUTHORIZED', 'caller cannot be identified');
  if (peer.allowed) return { name: `uid:${peer.uid}` };
  throw new SpirlError(
    'NOT_AUTHORIZED',
    `uid ${peer.uid} may not administer this server: only root and its own user may`,
  );
}
