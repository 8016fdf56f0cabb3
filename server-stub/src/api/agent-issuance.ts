import type { ServiceDefinition } from '@grpc/grpc-js';
import type { Attributes } from 'spirl-agent/domain/attributes.js';
import type { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import type { JwtSvid, X509Svid } from 'spirl-agent/domain/svid.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { OnUnexpected } from 'spirl-agent/runtime/wire-error.js';
import type { RpcCall } from 'spirl-agent/runtime/rpc-method.js';
import type { AgentSession } from '../domain/agent-session.js';
import type { SvidCaller } from '../domain/svid-caller.js';
import { checkAttributes, checkAudience, checkCsr, checkItemCount } from './agent-issuance-checks.js';
import type { IssuanceQueue } from './agent-issuance-queue.js';
import type { Authenticate } from './authenticate.js';
import {
  attributesOf,
  failedItem,
  jwtResult,
  OK,
  type WireJwtItem,
  type WireResolveItem,
  type WireX509Item,
  x509Result,
} from './messages.js';
import { codecOf, type MessageCodec, type ServedMethod, unaryMethod } from './rpc-methods.js';

/** The use cases that issue. Attributes are the agent's; those of the session are laid over them there. */
export interface Issuance {
  /** With a `csr` (PKCS#10 DER) the SVID's `privateKey` is empty: the agent has it. */
  issueX509Svid(
    session: AgentSession,
    item: { readonly attributes: Attributes; readonly csr?: Uint8Array; readonly renewal: boolean },
    caller: SvidCaller,
  ): Promise<X509Svid>;
  issueJwtSvid(
    session: AgentSession,
    item: { readonly attributes: Attributes; readonly audience: readonly string[] },
    caller: SvidCaller,
  ): Promise<JwtSvid>;
  resolveIdentity(
    session: AgentSession,
    attributes: Attributes,
  ): Promise<{ readonly spiffeId: SpiffeId; readonly outcome: string }>;
}

/** Nobody reads it: what ends because its caller has gone is no failure. */
const GONE = new SpirlError('UNAVAILABLE', 'the caller has gone');

interface Batch<Item> {
  readonly items: readonly Item[];
}

export interface IssuanceMethodsParts {
  readonly issuance: Issuance;
  readonly authenticate: Authenticate;
  readonly queue: IssuanceQueue;
  readonly onUnexpected: OnUnexpected;
}

/** The unary methods of `com.spirl.agent.v1.agent.API`: batches, in which each item has its own status. */
export function issuanceMethods(
  definition: ServiceDefinition,
  { issuance, authenticate, queue, onUnexpected }: IssuanceMethodsParts,
): readonly ServedMethod[] {
  /** Runs `one` for each item and answers in their order. */
  const batch = <Item>(
    codec: MessageCodec<Batch<Item>, object>,
    one: (session: AgentSession, item: Item, caller: RpcCall) => Promise<object>,
  ): ServedMethod => {
    return unaryMethod(codec, async ({ items }, call) => {
      const session = await authenticate(call.peer);
      checkItemCount(items.length);
      const outcomes = items.map(async (item) => {
        try {
          return await one(session, item, call);
        } catch (error) {
          return failedItem(call.isGone && error === call.signal.reason ? GONE : error, onUnexpected);
        }
      });
      return { results: await Promise.all(outcomes) };
    });
  };

  return [
    batch(codecOf<Batch<WireX509Item>, object>(definition, 'MintX509SVIDs'), async (session, wire, caller) => {
      const attributes = checkAttributes(attributesOf(wire.attributes));
      const csr = checkCsr(wire.csr);
      const item = { attributes, renewal: wire.renewal, ...(csr.length > 0 && { csr }) };
      const issue = (): Promise<X509Svid> => issuance.issueX509Svid(session, item, caller);
      return x509Result(await queue.issue(session.agentId, wire.renewal ? 'renewal' : 'first', issue, caller));
    }),

    batch(codecOf<Batch<WireJwtItem>, object>(definition, 'MintJWTSVIDs'), async (session, wire, caller) => {
      const attributes = checkAttributes(attributesOf(wire.attributes));
      const audience = checkAudience(wire.audience);
      const issue = (): Promise<JwtSvid> => issuance.issueJwtSvid(session, { attributes, audience }, caller);
      return jwtResult(await queue.issue(session.agentId, 'first', issue, caller));
    }),

    batch(codecOf<Batch<WireResolveItem>, object>(definition, 'ResolveIdentities'), async (session, wire) => {
      const attributes = checkAttributes(attributesOf(wire.attributes));
      const { spiffeId, outcome } = await issuance.resolveIdentity(session, attributes);
      return { status: OK, spiffeId: spiffeId.toString(), outcome };
    }),
  ];
}
