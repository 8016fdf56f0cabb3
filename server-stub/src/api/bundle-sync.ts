import type { DeploymentKeysets, TrustBundle } from 'spirl-agent/domain/trust-bundle.js';
import type { IssuancePolicyView } from 'spirl-agent/domain/trust-state.js';
import { Alarm } from 'spirl-agent/runtime/alarm.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { bidiStream, type CallContext, type OnUnexpected, type Send } from 'spirl-agent/runtime/grpc-adapter.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { aborted, orAbort, runTasks } from 'spirl-agent/runtime/task-group.js';
import type { Authenticate } from './authenticate.js';
import type { AgentStream, ConnectedAgents } from './bundle-sync-agents.js';
import { syncResponse, type WireSyncRequest } from './messages.js';

/** An open stream's session is looked at again this often, and at each revocation. */
const RECHECK_MS = 60_000;

/** What every agent of the deployment is told. */
export interface TrustSnapshot {
  readonly version: number;
  /** The agents' own trust domain first. */
  readonly bundles: readonly TrustBundle[];
  readonly deployments: readonly DeploymentKeysets[];
  /** DER. */
  readonly sessionCa: readonly Uint8Array[];
}

/** What the agents of one cluster are told besides. */
export interface ClusterView {
  readonly policy: IssuancePolicyView;
  /** Managed sections by name: the spec. */
  readonly sections: Readonly<Record<string, unknown>>;
}

export interface BundleSyncOptions {
  readonly trust: {
    readonly value: TrustSnapshot;
    subscribe(listener: () => void, signal: AbortSignal): void;
  };
  readonly clusters: {
    view(clusterId: string): ClusterView;
    /** Calls `changed` at least after each change of that cluster's view. */
    subscribe(clusterId: string, changed: () => void, signal: AbortSignal): void;
  };
  readonly revocations: { subscribe(listener: () => void, signal: AbortSignal): void };
  readonly authenticate: Authenticate;
  readonly agents: ConnectedAgents;
  /** The deployment whose revision agents acknowledge. */
  readonly deploymentId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** `SyncTrustBundles`: the whole state at first and at each change; never more than one unsent message, the newest wins. */
export function createBundleSync(options: BundleSyncOptions, onUnexpected: OnUnexpected) {
  return bidiStream<WireSyncRequest, object>((requests, send, context) => {
    return followAgent(options, requests, send, context);
  }, onUnexpected);
}

async function followAgent(
  options: BundleSyncOptions,
  requests: AsyncIterable<WireSyncRequest>,
  send: Send<object>,
  context: CallContext,
): Promise<void> {
  const { authenticate, agents } = options;
  const stream = agents.open(await authenticate(context.peer));
  const finished = new AbortController();
  const stop = AbortSignal.any([context.signal, finished.signal]);
  try {
    await runTasks(
      [
        (signal) => receive(options, stream, requests, signal).finally(() => finished.abort()),
        (signal) => pushStates(options, stream, send, signal),
        (signal) => watchSession(options, context.peer, signal),
        (signal) => endWhenSuperseded(stream, signal),
      ],
      stop,
    );
  } finally {
    agents.close(stream);
  }
}

/** Reads acknowledgements until the agent closes its side. */
async function receive(
  options: BundleSyncOptions,
  stream: AgentStream,
  requests: AsyncIterable<WireSyncRequest>,
  signal: AbortSignal,
): Promise<void> {
  const messages = requests[Symbol.asyncIterator]();
  for (let first = true; ; first = false) {
    const next = await orAbort(messages.next(), signal);
    if (next.done === true) return;
    if (first) warnWhenBehind(options, stream, next.value);
    options.agents.acknowledged(stream, next.value.acknowledgedVersion, next.value.svidsPerKeyset);
  }
}

async function pushStates(
  options: BundleSyncOptions,
  stream: AgentStream,
  send: Send<object>,
  signal: AbortSignal,
): Promise<void> {
  const { trust, clusters, deploymentId, clock } = options;
  const { clusterId } = stream.session;
  const changed = new Alarm();
  trust.subscribe(() => changed.ring(), signal);
  clusters.subscribe(clusterId, () => changed.ring(), signal);
  let version = 0;
  let sent = '';
  for (;;) {
    await changed.wait(Infinity, clock, signal);
    signal.throwIfAborted();
    const { bundles, deployments, sessionCa, version: trustVersion } = trust.value;
    const view = clusters.view(clusterId);
    // A change of another cluster's configuration may have rung.
    const content = JSON.stringify([trustVersion, view]);
    if (content === sent) continue;
    sent = content;
    version++;
    const revision = deployments.find((deployment) => deployment.deploymentId === deploymentId)?.revision ?? 0;
    stream.sent(version, revision);
    const message = syncResponse(version, { bundles, deployments, sessionCa, ...view });
    const taken = new Promise<void>((resolve) => send(message, resolve));
    await orAbort(taken, signal);
  }
}

async function watchSession(options: BundleSyncOptions, peer: unknown, signal: AbortSignal): Promise<void> {
  const look = new Alarm();
  options.revocations.subscribe(() => look.ring(), signal);
  while (!signal.aborted) {
    await look.wait(RECHECK_MS, options.clock, signal);
    await options.authenticate(peer);
  }
}

async function endWhenSuperseded(stream: AgentStream, signal: AbortSignal): Promise<void> {
  const superseded = stream.superseded.signal;
  await aborted(AbortSignal.any([signal, superseded]));
  if (superseded.aborted) throw new SpirlError('UNAVAILABLE', 'this agent has opened a newer stream');
}

/** An agent that knows more than its server says that the server's store was rolled back. */
function warnWhenBehind(options: BundleSyncOptions, stream: AgentStream, opening: WireSyncRequest): void {
  const own = options.trust.value.deployments.find((one) => one.deploymentId === options.deploymentId);
  const theirs = opening.positions.find((one) => one.deploymentId === options.deploymentId);
  if (own === undefined || theirs === undefined) return;
  if (own.epoch > theirs.epoch || (own.epoch === theirs.epoch && own.revision >= theirs.revision)) return;
  options.logger.warn('an agent has a newer revision than this server: was the store restored from a copy?', {
    agentId: stream.session.agentId,
    agentRevision: theirs.revision,
    ownRevision: own.revision,
  });
}
