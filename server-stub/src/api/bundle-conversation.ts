import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { RpcCall, RpcConversation } from 'spirl-agent/runtime/rpc-method.js';
import type { Authenticate } from './authenticate.js';
import type { AgentStream, ConnectedAgents } from './bundle-sync-agents.js';
import type { ClusterFeed, ClusterState, ClusterStates, Follower, TrustSnapshot } from './cluster-states.js';
import type { NumberedState, WireSyncRequest } from './messages.js';

/** Messages of the stream as bytes. */
export interface SyncCodec {
  /** Throws INVALID_REQUEST. */
  readonly decode: (bytes: Buffer) => WireSyncRequest;
  /** As it goes over the wire. */
  readonly encode: (numbered: NumberedState) => Buffer;
}

/** What all bundle streams share. */
export interface BundleConversationParts {
  readonly authenticate: Authenticate;
  readonly agents: ConnectedAgents;
  readonly states: ClusterStates;
  readonly trust: { readonly value: TrustSnapshot };
  readonly deploymentId: string;
  readonly codec: SyncCodec;
  readonly logger: Logger;
  over(call: RpcCall): void;
}

/**
 * One agent's bundle stream: the whole state at first and at each change; never more than one unsent message, the newest wins.
 * Thousands are open at a time, each for days: one object each, nothing that waits, and no work that another could share.
 */
export class BundleConversation implements RpcConversation, Follower {
  readonly #parts: BundleConversationParts;
  readonly #call: RpcCall;
  #isOver = false;
  #halfClosed = false;
  #opened = false;
  /** Of what came before it was known who speaks, the first and the last message. */
  #early: readonly WireSyncRequest[] = [];
  #stream: AgentStream | undefined;
  #feed: ClusterFeed | undefined;
  #sent: ClusterState | undefined;
  #version = 0;
  #sending = false;

  constructor(parts: BundleConversationParts, call: RpcCall) {
    this.#parts = parts;
    this.#call = call;
    void this.#begin();
  }

  message(bytes: Buffer): void {
    const request = this.#parts.codec.decode(bytes);
    if (this.#stream !== undefined) this.#hear(this.#stream, request);
    else this.#early = [...this.#early.slice(0, 1), request];
  }

  halfClosed(): void {
    this.#halfClosed = true;
    if (this.#stream !== undefined) this.#call.end();
  }

  over(): void {
    this.#isOver = true;
    this.#feed?.leave(this);
    if (this.#stream !== undefined) this.#parts.agents.close(this.#stream);
    this.#parts.over(this.#call);
  }

  changed(): void {
    const [feed, stream] = [this.#feed, this.#stream];
    if (this.#sending || this.#isOver || feed === undefined || stream === undefined) return;
    try {
      const state = feed.state();
      // A change of another cluster's configuration may have been told.
      if (state === this.#sent) return;
      const frame = this.#parts.codec.encode({ version: this.#version + 1, state: state.wire });
      this.#sent = state;
      this.#sending = true;
      stream.sent(++this.#version, state.revision);
      this.#call.send(frame, this.#taken);
    } catch (error) {
      this.#call.fail(error);
    }
  }

  readonly #taken = (): void => {
    this.#sending = false;
    this.changed();
  };

  /** The first message opens the stream, and acknowledges like each later one. */
  #hear(stream: AgentStream, request: WireSyncRequest): void {
    if (!this.#opened) warnWhenBehind(this.#parts, stream, request);
    this.#opened = true;
    this.#parts.agents.acknowledged(stream, request.acknowledgedVersion, request.svidsPerKeyset);
  }

  async #begin(): Promise<void> {
    const { authenticate, agents, states } = this.#parts;
    try {
      const session = await authenticate(this.#call.peer);
      if (this.#isOver) return;
      this.#stream = agents.open(session, () => {
        this.#call.fail(new SpirlError('UNAVAILABLE', 'this agent has opened a newer stream'));
      });
      for (const request of this.#early) this.#hear(this.#stream, request);
      this.#early = [];
      this.#feed = states.follow(session.clusterId, this);
      this.changed();
      if (this.#halfClosed) this.#call.end();
    } catch (error) {
      this.#call.fail(error);
    }
  }
}

/** An agent that knows more than its server says that the server's store was rolled back. */
function warnWhenBehind(parts: BundleConversationParts, stream: AgentStream, opening: WireSyncRequest): void {
  const own = parts.trust.value.deployments.find((one) => one.deploymentId === parts.deploymentId);
  const theirs = opening.positions.find((one) => one.deploymentId === parts.deploymentId);
  if (own === undefined || theirs === undefined) return;
  if (own.epoch > theirs.epoch || (own.epoch === theirs.epoch && own.revision >= theirs.revision)) return;
  parts.logger.warn('an agent has a newer revision than this server: was the store restored from a copy?', {
    agentId: stream.session.agentId,
    agentRevision: theirs.revision,
    ownRevision: own.revision,
  });
}
