import type { ServiceDefinition } from '@grpc/grpc-js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Operator } from '../domain/operator.js';
import { codecOf, unaryMethod, type ServedMethod } from './rpc-methods.js';

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

/** Methods of one service, by name, for allowed callers; all others get NOT_AUTHORIZED, whatever they ask. */
export function adminMethods(
  definition: ServiceDefinition,
  methods: Readonly<Record<string, AdminMethod<never, object>>>,
): readonly ServedMethod[] {
  return Object.entries(methods).map(([name, method]) =>
    unaryMethod(codecOf<never, object>(definition, name), async (request, { peer, signal }) => {
      return method(request, { operator: operatorOf(peer), signal });
    }),
  );
}

function operatorOf(peer: unknown): Operator {
  if (!(peer instanceof AdminCaller)) throw new SpirlError('NOT_AUTHORIZED', 'caller cannot be identified');
  if (peer.allowed) return { name: `uid:${peer.uid}` };
  throw new SpirlError(
    'NOT_AUTHORIZED',
    `uid ${peer.uid} may not administer this server: only root and its own user may`,
  );
}
