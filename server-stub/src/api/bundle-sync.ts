import { Alarm } from 'spirl-agent/runtime/alarm.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { RpcCall, RpcConversation } from 'spirl-agent/runtime/rpc-method.js';
import { BundleConversation, type BundleConversationParts, type SyncCodec } from './bundle-conversation.js';
import { ClusterStates, type ClusterStatesOptions } from './cluster-states.js';

/** An open stream's session is looked at again this often, and at each revocation. */
const RECHECK_MS = 60_000;
/** Sessions looked at in one turn of the event loop. */
const CHECKED_PER_TURN = 250;

export interface BundleSyncOptions
  extends ClusterStatesOptions, Pick<BundleConversationParts, 'authenticate' | 'agents' | 'logger'> {
  readonly revocations: { subscribe(listener: () => void, signal: AbortSignal): void };
  readonly clock: Clock;
}

/** `SyncTrustBundles` for all agents: what their streams share, and the look at their sessions. */
export class BundleSync {
  readonly #options: BundleSyncOptions;
  readonly #parts: BundleConversationParts;
  readonly #calls = new Set<RpcCall>();

  constructor(options: BundleSyncOptions, codec: SyncCodec) {
    this.#options = options;
    const { authenticate, agents, trust, deploymentId, logger } = options;
    const states = new ClusterStates(options);
    const over = (call: RpcCall): void => void this.#calls.delete(call);
    this.#parts = { authenticate, agents, trust, deploymentId, logger, states, codec, over };
  }

  open(call: RpcCall): RpcConversation {
    this.#calls.add(call);
    return new BundleConversation(this.#parts, call);
  }

  /** Ends streams whose session has become worthless, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { revocations, clock } = this.#options;
    const look = new Alarm();
    revocations.subscribe(() => look.ring(), signal);
    while (!signal.aborted) {
      await look.wait(RECHECK_MS, clock, signal);
      await this.#checkSessions(signal);
    }
  }

  async #checkSessions(signal: AbortSignal): Promise<void> {
    const calls = [...this.#calls];
    for (let from = 0; from < calls.length && !signal.aborted; from += CHECKED_PER_TURN) {
      await Promise.all(calls.slice(from, from + CHECKED_PER_TURN).map((call) => this.#checkSession(call)));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #checkSession(call: RpcCall): Promise<void> {
    try {
      await this.#options.authenticate(call.peer);
    } catch (error) {
      call.fail(error);
    }
  }
}
