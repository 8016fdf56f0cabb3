import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { TurnsByAgent } from './turns-by-agent.js';

/** `first`: a workload waits for its first SVID. `renewal`: it has a valid one. */
export type Urgency = 'first' | 'renewal';

export interface IssuanceQueueLimits {
  /** Issued at the same time; matters where a signature is a call to a key service. */
  readonly concurrency: number;
  /** Items waiting, of all agents. */
  readonly waiting: number;
  /** Items waiting or under way, of one agent. */
  readonly perAgent: number;
  /** Items started before the event loop gets a turn; signatures in memory take 100 to 200 microseconds each. */
  readonly perTurn: number;
}

export const ISSUANCE_QUEUE_LIMITS: IssuanceQueueLimits = {
  concurrency: 64,
  waiting: 20_000,
  perAgent: 2_000,
  perTurn: 16,
};

/** So often a renewal goes before a waiting first issue: a flood of new workloads must not starve renewals to expiry. */
const RENEWAL_EVERY = 8;

/** Orders the issuance of all agents: first issues before renewals, agents in turn, bounded per agent and in all. */
export class IssuanceQueue {
  readonly #limits: IssuanceQueueLimits;
  readonly #waiting: Record<Urgency, TurnsByAgent<() => Promise<void>>> = {
    first: new TurnsByAgent(),
    renewal: new TurnsByAgent(),
  };
  readonly #perAgent = new Map<string, number>();
  #running = 0;
  #started = 0;
  #resting = false;

  constructor(limits: IssuanceQueueLimits = ISSUANCE_QUEUE_LIMITS) {
    this.#limits = limits;
  }

  /** Settles like `job`, when its turn has come. Throws LIMIT_REACHED at once when there are too many. */
  run<T>(agentId: string, urgency: Urgency, job: () => Promise<T>): Promise<T> {
    const ofAgent = this.#perAgent.get(agentId) ?? 0;
    const waiting = this.#waiting.first.size + this.#waiting.renewal.size;
    if (ofAgent >= this.#limits.perAgent || waiting >= this.#limits.waiting) {
      return Promise.reject(new SpirlError('LIMIT_REACHED', 'too many SVIDs are being issued: try again'));
    }
    this.#perAgent.set(agentId, ofAgent + 1);
    return new Promise((resolve, reject) => {
      this.#waiting[urgency].push(agentId, () =>
        job()
          .then(resolve, reject)
          .finally(() => this.#leave(agentId)),
      );
      this.#start();
    });
  }

  #leave(agentId: string): void {
    const left = (this.#perAgent.get(agentId) ?? 1) - 1;
    if (left === 0) this.#perAgent.delete(agentId);
    else this.#perAgent.set(agentId, left);
  }

  #start(): void {
    while (!this.#resting && this.#running < this.#limits.concurrency) {
      const job = this.#next();
      if (job === undefined) return;
      this.#running++;
      void job().finally(() => {
        this.#running--;
        this.#start();
      });
      if (++this.#started % this.#limits.perTurn === 0) this.#rest();
    }
  }

  #next(): (() => Promise<void>) | undefined {
    const { first, renewal } = this.#waiting;
    const order = this.#started % RENEWAL_EVERY === RENEWAL_EVERY - 1 ? [renewal, first] : [first, renewal];
    return order.find((queue) => queue.size > 0)?.shift();
  }

  #rest(): void {
    this.#resting = true;
    setImmediate(() => {
      this.#resting = false;
      this.#start();
    });
  }
}
