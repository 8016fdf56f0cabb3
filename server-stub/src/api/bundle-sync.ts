import { Alarm } from 'spirl-agent/runtime/alarm.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { bidiStream, type CallContext, type OnUnexpected, type Send } from 'spirl-agent/runtime/grpc-adapter.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { aborted, orAbort, runTasks } from 'spirl-agent/runtime/task-group.js';
import type { Authenticate } from './authenticate.js';
import type { AgentStream, ConnectedAgents } from './bundle-sync-agents.js';
import { type ClusterState, ClusterStates, type ClusterStatesOptions } from './cluster-states.js';
import type { NumberedState, WireSyncRequest } from './messages.js';

/** An open stream's session is looked at again this often, and at each revocation. */
const RECHECK_MS = 60_000;

export interface BundleSyncOptions extends ClusterStatesOptions {
  readonly revocations: { subscribe(listener: () => void, signal: AbortSignal): void };
  readonly authenticate: Authenticate;
  readonly agents: ConnectedAgents;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** `SyncTrustBundles`: the whole state at first and at each change; never more than one unsent message, the newest wins. */
export function createBundleSync(options: BundleSyncOptions, onUnexpected: OnUnexpected) {
  const states = new ClusterStates(options);
  return bidiStream<WireSyncRequest, NumberedState>((requests, send, context) => {
    return followAgent(options, states, requests, send, context);
  }, onUnexpected);
}

async function followAgent(
  options: BundleSyncOptions,
  states: ClusterStates,
  requests: AsyncIterable<WireSyncRequest>,
  send: Send<NumberedState>,
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
        (signal) => pushStates(states, stream, send, signal),
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

/** One unsent state at most; while it is on its way, newer ones replace each other. Ends when `signal` aborts. */
function pushStates(
  states: ClusterStates,
  stream: AgentStream,
  send: Send<NumberedState>,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    let version = 0;
    let sent: ClusterState | undefined;
    let sending = false;
    const push = (): void => {
      if (sending || signal.aborted) return;
      try {
        const state = present();
        // A change of another cluster's configuration may have been told.
        if (state === sent) return;
        sent = state;
        sending = true;
        stream.sent(++version, state.revision);
        send({ version, state: state.wire }, taken);
      } catch (error) {
        reject(error instanceof Error ? error : new Error('a state cannot be made', { cause: error }));
      }
    };
    const taken = (): void => {
      sending = false;
      push();
    };
    const present = states.follow(stream.session.clusterId, push, signal);
    push();
  });
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
