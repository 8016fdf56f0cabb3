import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Attributes } from '../domain/attributes.js';
import type { PeerProcess } from '../domain/peer-process.js';
import type { SpiffeId } from '../domain/spiffe-id.js';
import type { Clock } from '../runtime/clock.js';
import { SpirlError } from '../runtime/errors.js';
import { serverStream, unary, type CallContext, type OnUnexpected } from '../runtime/grpc-adapter.js';
import type { BundleSource } from './bundle-source.js';
import { fetchJwtBundles } from './fetch-jwt-bundles.js';
import { fetchJwtSvid, parseJwtSvidRequest, type JwtSvidSource } from './fetch-jwt-svid.js';
import { fetchX509Bundles } from './fetch-x509-bundles.js';
import { fetchX509Svid, type X509ContextSource } from './fetch-x509-svid.js';
import { MALFORMED } from './messages.js';
import type { OpenCalls } from './open-calls.js';
import type { Caller } from './peer-registry.js';
import type { PushQueue } from './push-queue.js';
import { StreamOutbox } from './stream-outbox.js';
import type { UidQuota } from './uid-quota.js';
import { parseValidateRequest, validateJwtSvid } from './validate-jwt-svid.js';
import type { StreamServe, UnaryServe, Workload } from './workload.js';

/** What the RPCs need of the stages behind them. */
export interface WorkloadApiSources {
  /** Attests the caller and leaves out what may not leave the node. */
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
  readonly calls: OpenCalls;
  readonly pushes: PushQueue;
  readonly clock: Clock;
  readonly onUnexpected: OnUnexpected;
}

/**
 * Each RPC and the steps it goes through. Before them `admission` has seen to the connection's limit, its uid's limit of open
 * calls and the security header; `streamed` and `answered` read the request, attest the caller and serve it.
 */
export function workloadApiMethods(parts: PipelineParts) {
  const { x509Contexts, jwtSvids, bundles } = parts.sources;
  const { streamed, answered, entitled } = steps(parts);
  return {
    FetchX509SVID: streamed(fetchX509Svid(x509Contexts)),
    FetchX509Bundles: streamed(entitled(fetchX509Bundles(bundles))),
    FetchJWTSVID: answered(parseJwtSvidRequest, fetchJwtSvid(jwtSvids)),
    FetchJWTBundles: streamed(entitled(fetchJwtBundles(bundles))),
    ValidateJWTSVID: answered(parseValidateRequest, entitled(validateJwtSvid(bundles, parts.clock))),
    FetchWITSVID: unimplemented('FetchWITSVID', parts),
    FetchWITBundles: unimplemented('FetchWITBundles', parts),
  };
}

function steps(parts: PipelineParts) {
  const { calls, pushes, onUnexpected } = parts;
  const { entitlement } = parts.sources;

  /** Attests the caller and pushes what `serve` has for it, as long as it is the same process. */
  const streamed = (serve: StreamServe) =>
    serverStream((_request: object, stream: ServerWritableStream<object, Buffer>, context) => {
      return calls.during(context.signal, async ({ signal, fail }) => {
        const workload = await attest(parts, context, signal);
        const outbox = new StreamOutbox(stream, pushes, () => workload.process.verify(), fail);
        signal.addEventListener('abort', () => outbox.end(), { once: true });
        await serve(workload, signal, (response) => outbox.offer(response));
      });
    }, onUnexpected);

  /** Parses the request, attests the caller and answers once. */
  const answered = <Message extends object, Request>(
    parse: (message: Message) => Request,
    serve: UnaryServe<Request>,
  ) =>
    unary((message: Message, context) => {
      return calls.during(context.signal, async ({ signal }) => {
        const request = parse(wellFormed(message));
        return serve(await attest(parts, context, signal), signal, request);
      });
    }, onUnexpected);

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
async function attest(parts: PipelineParts, { peer }: CallContext, signal: AbortSignal): Promise<Workload> {
  const caller = peer as Caller;
  if ('refusal' in caller) throw caller.refusal;
  const { process } = caller;
  const giveBack = parts.attestations.take(process.uid);
  try {
    const attributes = await parts.sources.callerAttributes(process, signal);
    process.verify();
    return { process, attributes };
  } finally {
    giveBack();
  }
}

function wellFormed<Message extends object>(message: Message): Message {
  if ((message as object) === MALFORMED) {
    throw new SpirlError('INVALID_REQUEST', 'request: the bytes are no message of the expected type');
  }
  return message;
}

function unimplemented(method: string, { onUnexpected }: PipelineParts) {
  const refuse = () => Promise.reject(new SpirlError('UNIMPLEMENTED', `${method} is not supported: no WIT-SVIDs here`));
  return serverStream(refuse, onUnexpected);
}
