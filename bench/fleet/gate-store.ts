import { RenewalGate } from '../../src/svid/renewal-gate.js';
import { NumberQueue } from './message-pool.js';

/** A gate that let nothing through for so long is like a new one: its window is hardly more than a second. */
const FORGOTTEN_AFTER_MS = 2_000;

/** The renewal gates of the agents that are renewing; the others need none. */
export class GateStore {
  readonly #perSecond: number;
  readonly #gates = new Map<number, { readonly gate: RenewalGate; usedAt: number }>();
  /** Agent and moment of each use, oldest first. */
  readonly #agents = new NumberQueue();
  readonly #moments = new NumberQueue();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** As `RenewalGate.release`. */
  release(agent: number, wanted: number, now: number): number {
    this.#forgetUnused(now);
    let held = this.#gates.get(agent);
    if (held === undefined) this.#gates.set(agent, (held = { gate: new RenewalGate(this.#perSecond), usedAt: now }));
    const count = held.gate.release(wanted, now);
    if (count > 0) {
      held.usedAt = now;
      this.#agents.push(agent);
      this.#moments.push(now);
    }
    return count;
  }

  /** As `RenewalGate.opensAt`. */
  opensAt(agent: number, now: number): number {
    return this.#gates.get(agent)?.gate.opensAt(now) ?? now;
  }

  forget(agent: number): void {
    this.#gates.delete(agent);
  }

  #forgetUnused(now: number): void {
    while (this.#moments.size > 0 && now - this.#moments.peek > FORGOTTEN_AFTER_MS) {
      const usedAt = this.#moments.shift();
      const agent = this.#agents.shift();
      if (this.#gates.get(agent)?.usedAt === usedAt) this.#gates.delete(agent);
    }
  }
}
