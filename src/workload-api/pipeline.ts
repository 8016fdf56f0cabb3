import type { Attributes } from '../domain/attributes.js';
import type { PeerProcess } from '../domain/peer-process.js';
import type { SpiffeId } from '../domain/spiffe-id.js';
import type { Clock } from '../runtime/clock.js';
import { SpirlError } from '../runtime/errors.js';
import type { RpcCall, RpcMethod } from '../runtime/rpc-method.js';
import type { BundleSource } from './bundle-source.js';
import { fetchJwtBundles } from './fetch-jwt-bundles.js';
import { fetchJwtSvid, parseJwtSvidRequest, type JwtSvidSource } from './fetch-jwt-svid.js';
import { fetchX509Bundles } from './fetch-x509-bundles.js';
import { fetchX509Svid, type X509ContextSource } from './fetch-x509-svid.js';
import { decodeJwtSvidRequest, decodeValidateRequest, SERVICE } from './messages.js';
import type { Caller } from './peer-registry.js';
import type { PushQueue } from './push-queue.js';
import { StreamOutbox } from './stream-outbox.js';
import type { UidQuota } from './uid-quota.js';
import { parseValidateRequest, validateJwtSvid } from './validate-jwt-svid.js';
import type { StreamServe, UnaryServe, Workload } from './workload.js';

/** What the RPCs need of the stages behind them. */
export interface WorkloadApiSources {
  /** Attests the caller, which is still the same when this answers, and leaves out what may not leave the node. */
  callerAttributes(process: PeerProcess, signal: AbortSignal): Promise<Attributes>;
  readonly x509Contexts: X509ContextSource;
  readonly jwtSvids: JwtSvidSource;
  readonly bundles: BundleSource;
  readonly entitlement: Entitlement;
}

export interface Entitlement {
  /** The caller's identity. Rejects with NO_IDENTITY_ISSUED when it has none. */
  requireIdentity(attributes: Attributes, signal: AbortSignal): Promise<SpiffeId>;
}

export interface PipelineParts {
  readonly sources: WorkloadApiSources;
  /** Attestations under way of each uid. */
  readonly attestations: UidQuota;
  readonly pushes: PushQueue;
  readonly clock: Clock;
}

/**
 * Each RPC and the steps it goes through, by path. Before them `admission` has seen to the connection's limit, its uid's limit of
 * open calls and the security header; `streamed` and `answered` read the request, attest the caller and serve it.
 */
export function workloadApiMethods(parts: PipelineParts): ReadonlyMap<string, RpcMethod> {
  const { x509Contexts, jwtSvids, bundles } = parts.sources;
  const { streamed, answered, entitled } = steps(parts);
  const methods: Readonly<Record<string, RpcMethod>> = {
    FetchX509SVID: streamed(fetchX509Svid(x509Contexts)),
    FetchX509Bundles: streamed(entitled(fetchX509Bundles(bundles))),
    FetchJWTSVID: answered((bytes) => parseJwtSvidRequest(decodeJwtSvidRequest(bytes)), fetchJwtSvid(jwtSvids)),
    FetchJWTBundles: streamed(entitled(fetchJwtBundles(bundles))),
    ValidateJWTSVID: answered(
      (bytes) => parseValidateRequest(decodeValidateRequest(bytes)),
      entitled(validateJwtSvid(bundles, parts.clock)),
    ),
    FetchWITSVID: unimplemented('FetchWITSVID'),
    FetchWITBundles: unimplemented('FetchWITBundles'),
  };
  return new Map(Object.entries(methods).map(([name, method]) => [`/${SERVICE}/${name}`, method]));
}

function steps(parts: PipelineParts) {
  const { pushes } = parts;
  const { entitlement } = parts.sources;

  /** Attests the caller and pushes what `serve` has for it, as long as it is the same process. */
  const streamed = (serve: StreamServe): RpcMethod => ({
    type: 'server_stream',
    serve: async (_request, call) => {
      const workload = await attest(parts, call);
      const outbox = new StreamOutbox(call, pushes, workload.process);
      await serve(workload, call.signal, (response) => outbox.offer(response));
    },
  });

  /** Parses the request, attests the caller and answers once. */
  const answered = <Request>(parse: (bytes: Buffer) => Request, serve: UnaryServe<Request>): RpcMethod => ({
    type: 'unary',
    serve: async (bytes, call) => {
      const request = parse(bytes);
      return serve(await attest(parts, call), call.signal, request);
    },
  });

  /** For what is only for callers that have an identity. */
  const entitled =
    <Rest extends unknown[], Answer>(
      serve: (workload: Workload, signal: AbortSignal, ...rest: Rest) => Promise<Answer>,
    ) =>
    async (workload: Workload, signal: AbortSignal, ...rest: Rest): Promise<Answer> => {
      await entitlement.requireIdentity(workload.attributes, signal);
      return serve(workload, signal, ...rest);
    };

  return { streamed, answered, entitled };
}

/** Asks the attestors about the process that made the connection, if it is still there afterwards. */
async function attest(parts: PipelineParts, { peer, signal }: RpcCall): Promise<Workload> {
  const caller = peer as Caller;
  if ('refusal' in caller) throw caller.refusal;
  const { process } = caller;
  const giveBack = parts.attestations.take(process.uid);
  try {
    return { process, attributes: await parts.sources.callerAttributes(process, signal) };
  } finally {
    giveBack();
  }
}

function unimplemented(method: string): RpcMethod {
  const refusal = new SpirlError('UNIMPLEMENTED', `${method} is not supported: no WIT-SVIDs here`);
  return { type: 'server_stream', serve: () => Promise.reject(refusal) };
}
