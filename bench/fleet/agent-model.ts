import { FIRST_ISSUES } from '../../src/issuer-client/call-limits.js';
import { backoffMs, Outage, RETRY_MAX_MS, retryWaitMs } from '../../src/svid/backoff.js';
import { planRenewals, type Candidate } from '../../src/svid/renewal-plan.js';
import { MAX_RENEWAL_CALLS, renewalStep, type Gate } from '../../src/svid/renewal-step.js';
import { FIRST_MINTS_AT_ONCE } from '../../src/svid/x509-minting.js';
import type { CalendarQueue } from './calendar-queue.js';
import { WAKE } from './event-kinds.js';
import { IN_FLIGHT, NEW, NO_KEYSET, OLD, TOO_OLD, WANTED, type FleetState } from './fleet-state.js';
import { FIRST, RENEWAL, type MessagePool } from './message-pool.js';
import type { Random } from './random.js';
import type { RenewalRule } from './renewal-rule.js';
import type { Scenario } from './scenario.js';

/** No two looks of an agent at one moment, whatever is rounded. */
const LEAST_WAIT_MS = 0.001;

/** What is known of a server that has answered. */
const NO_OUTAGE = { isAway: false, until: -Infinity } as const;

/** What the agents tell while they work. */
export interface AgentEvents {
  send(message: number, now: number): void;
  /** `svid` gets a successor that `keyset` signed; called before it is noted. */
  replacing(svid: number, agent: number, keyset: number, now: number): void;
  /** A renewal of `svid` starts: for tests. */
  started?(svid: number, agent: number, now: number): void;
}

class Slot implements Candidate {
  svid = 0;
  dueAt = 0;
  forcedAt: number | undefined = undefined;
  retryAt = 0;
  attempts = 0;
  notAfter = 0;
}

/**
 * The agents. What is due, in which order, at which rate and after which wait: the functions that agents ship with decide.
 * This file is what lies around them: columns instead of objects, events instead of promises.
 */
export class AgentModel {
  readonly #fleet: FleetState;
  readonly #pool: MessagePool;
  readonly #events: CalendarQueue;
  readonly #random: Random;
  readonly #scenario: Scenario;
  readonly #tell: AgentEvents;
  readonly #rule: RenewalRule;
  readonly #outages = new Map<number, Outage>();
  readonly #lives: Uint8Array;
  /** The gate of the agent that is looked at. */
  readonly #gate: Gate & { agent: number };
  readonly #slots: Slot[] = [];
  readonly #renewable: Slot[] = [];
  readonly #wanted: number[] = [];

  constructor(
    scenario: Scenario,
    parts: { fleet: FleetState; pool: MessagePool; events: CalendarQueue; random: Random; rule: RenewalRule },
    tell: AgentEvents,
  ) {
    this.#scenario = scenario;
    this.#fleet = parts.fleet;
    this.#pool = parts.pool;
    this.#events = parts.events;
    this.#random = parts.random;
    this.#tell = tell;
    this.#rule = parts.rule;
    this.#lives = new Uint8Array(parts.fleet.agents);
    const gate = {
      agent: 0,
      release: (wanted: number, now: number): number => parts.rule.release(gate.agent, wanted, now),
      opensAt: (now: number): number => parts.rule.opensAt(gate.agent, now),
    };
    this.#gate = gate;
  }

  /** The agent looks at `at`, or earlier. */
  wakeBy(agent: number, at: number): void {
    if (at >= (this.#fleet.wakeAt[agent] ?? 0)) return;
    this.#fleet.wakeAt[agent] = at;
    this.#events.schedule(at, WAKE, agent);
  }

  /** An event of `wakeBy` has come; one that was overtaken is none. */
  woken(agent: number, now: number): void {
    if (this.#fleet.wakeAt[agent] !== now) return;
    this.#fleet.wakeAt[agent] = Infinity;
    this.look(agent, now);
  }

  /** Starts what may start now, as the renewal loop does, and what workloads wait for. */
  look(agent: number, now: number): void {
    const known = this.#outages.get(agent);
    if (known?.isAway === true && now < known.until && this.#hasAll(agent)) {
      // Nothing starts before that, so nothing has to be looked through; a restarted agent may have first SVIDs to ask for.
      this.wakeBy(agent, known.until);
      return;
    }
    const wanted = this.#gather(agent, now);
    this.#sendFirsts(agent, now);
    const { due, nextInMs } = planRenewals(this.#renewable, { wall: now, monotonic: now });
    const outage = this.#outages.get(agent) ?? NO_OUTAGE;
    const calls = this.#fleet.calls[agent] ?? 0;
    const situation = { due: due.length, nextInMs, calls, isAway: outage.isAway, until: outage.until };
    this.#gate.agent = agent;
    const { start, waitMs } = renewalStep(situation, this.#gate, now);
    if (start > 0) this.#sendRenewals(agent, due.slice(0, start), now);
    const next = Math.min(wanted, now + waitMs);
    if (next < Infinity) this.wakeBy(agent, Math.max(next, now + LEAST_WAIT_MS));
  }

  /** The answer to `message` is here with `issued` of its SVIDs; none, when it was lost or is too late. */
  answered(message: number, issued: number, now: number): void {
    const pool = this.#pool;
    const agent = pool.agent[message] ?? 0;
    if (pool.life[message] !== this.#lives[agent]) return;
    const renewal = pool.kind[message] === RENEWAL;
    const items = pool.items[message] ?? 0;
    const before = this.#outages.get(agent);
    const bound = before !== undefined || !renewal || this.#fleet.calls[agent] === MAX_RENEWAL_CALLS;
    if (renewal) this.#fleet.calls[agent] = (this.#fleet.calls[agent] ?? 1) - 1;
    else this.#fleet.firsts[agent] = (this.#fleet.firsts[agent] ?? items) - items;
    if (issued > 0) this.#outages.delete(agent);
    else if (renewal) this.#outageOf(agent).failed(now);
    let svid = pool.svid[message] ?? -1;
    for (let i = 0; i < items && svid >= 0; i++) {
      const after = this.#fleet.next[svid] ?? -1;
      if (i < issued) this.#replace(svid, agent, pool.keyset[message] ?? NEW, now);
      else this.#failed(svid, agent, { renewal, all: issued === 0, askedMs: pool.retryAfterMs[message] ?? 0 }, now);
      svid = after;
    }
    if (bound || issued === 0) this.wakeBy(agent, now + LEAST_WAIT_MS);
  }

  /** The agent's process ends: it forgets its SVIDs, while workloads keep theirs and ask for new ones. */
  restarted(agent: number): void {
    this.#lives[agent] = (this.#lives[agent] ?? 0) + 1;
    this.#fleet.calls[agent] = 0;
    this.#fleet.firsts[agent] = 0;
    this.#fleet.wakeAt[agent] = Infinity;
    this.#outages.delete(agent);
    this.#rule.forget(agent);
    const to = this.#fleet.first[agent + 1] ?? 0;
    for (let svid = this.#fleet.first[agent] ?? 0; svid < to; svid++) {
      this.#fleet.flags[svid] = WANTED;
      this.#fleet.attempts[svid] = 0;
      if (this.#fleet.retryAt !== undefined) this.#fleet.retryAt[svid] = 0;
    }
  }

  /** Whether no first SVID is missing: only starts make any. */
  #hasAll(agent: number): boolean {
    return this.#lives[agent] === 0 && this.#scenario.agents.start !== 'cold';
  }

  /** Fills the lists of what may be renewed and what is wanted; returns when something wanted may be asked for again. */
  #gather(agent: number, now: number): number {
    const { first, flags, retryAt, dueAt, notAfter, attempts, keyset, forcedAt, agentFlags } = this.#fleet;
    const force = ((agentFlags[agent] ?? 0) & TOO_OLD) === 0 ? (forcedAt[agent] ?? Infinity) : Infinity;
    const from = first[agent] ?? 0;
    const to = first[agent + 1] ?? 0;
    let next = Infinity;
    let used = 0;
    this.#renewable.length = 0;
    this.#wanted.length = 0;
    for (let svid = from; svid < to; svid++) {
      const flag = flags[svid] ?? 0;
      if ((flag & IN_FLIGHT) !== 0) continue;
      const retry = retryAt === undefined ? 0 : (retryAt[svid] ?? 0);
      if ((flag & WANTED) !== 0) {
        if (retry <= now) this.#wanted.push(svid);
        else next = Math.min(next, retry);
        continue;
      }
      const slot = (this.#slots[used++] ??= new Slot());
      slot.svid = svid;
      slot.dueAt = dueAt[svid] ?? 0;
      slot.forcedAt =
        keyset[svid] === OLD && force !== Infinity ? this.#rule.forcedAt(agent, svid - from, force) : undefined;
      slot.retryAt = retry;
      slot.attempts = attempts[svid] ?? 0;
      slot.notAfter = notAfter[svid] ?? 0;
      this.#renewable.push(slot);
    }
    return next;
  }

  #sendFirsts(agent: number, now: number): void {
    const { firsts } = this.#fleet;
    const places = FIRST_MINTS_AT_ONCE - (firsts[agent] ?? 0);
    const count = Math.min(this.#wanted.length, places);
    for (let from = 0; from < count; from += FIRST_ISSUES.items) {
      this.#send(FIRST, agent, this.#wanted.slice(from, Math.min(count, from + FIRST_ISSUES.items)), now);
    }
    firsts[agent] = (firsts[agent] ?? 0) + Math.max(0, count);
  }

  #sendRenewals(agent: number, due: readonly Slot[], now: number): void {
    this.#fleet.calls[agent] = (this.#fleet.calls[agent] ?? 0) + 1;
    if (this.#tell.started !== undefined) for (const { svid } of due) this.#tell.started(svid, agent, now);
    this.#send(
      RENEWAL,
      agent,
      due.map(({ svid }) => svid),
      now,
    );
  }

  #send(kind: number, agent: number, svids: readonly number[], now: number): void {
    const { next, flags, keyset, forcedAt } = this.#fleet;
    for (let i = 0; i < svids.length; i++) {
      const svid = svids[i] as number;
      next[svid] = svids[i + 1] ?? -1;
      flags[svid] = (flags[svid] ?? 0) | IN_FLIGHT;
    }
    const first = svids[0] as number;
    const message = this.#pool.open(kind, agent, first, svids.length, now);
    this.#pool.life[message] = this.#lives[agent] ?? 0;
    const forced = keyset[first] === OLD && (forcedAt[agent] ?? Infinity) <= now;
    this.#pool.wave[message] = kind === RENEWAL && forced ? 1 : 0;
    this.#tell.send(message, now);
  }

  #replace(svid: number, agent: number, keyset: number, now: number): void {
    this.#tell.replacing(svid, agent, keyset, now);
    this.#fleet.keyset[svid] = keyset === NO_KEYSET ? NEW : keyset;
    this.#fleet.flags[svid] = 0;
    const attempts = Math.min(255, (this.#fleet.attempts[svid] ?? 0) + 1);
    this.#fleet.attempts[svid] = 0;
    this.#fleet.issued(svid, now, this.#scenario.svids.x509TTL);
    this.wakeBy(agent, this.#fleet.dueAt[svid] ?? Infinity);
    const forcedAt = this.#fleet.forcedAt[agent] ?? Infinity;
    if (keyset !== OLD || forcedAt === Infinity) return;
    // The server signed before it changed keysets: asking again at once would only repeat this.
    const again = now + backoffMs(attempts, RETRY_MAX_MS, this.#random.next);
    this.#fleet.attempts[svid] = attempts;
    this.#fleet.setRetryAt(svid, again);
    this.wakeBy(agent, Math.max(forcedAt, again));
  }

  #failed(
    svid: number,
    agent: number,
    { renewal, all, askedMs }: { renewal: boolean; all: boolean; askedMs: number },
    now: number,
  ): void {
    const attempts = Math.min(255, (this.#fleet.attempts[svid] ?? 0) + 1);
    this.#fleet.attempts[svid] = attempts;
    this.#fleet.flags[svid] = (this.#fleet.flags[svid] ?? 0) & ~IN_FLIGHT;
    if (renewal && all) return;
    const { retry, retryAtMost } = this.#scenario.workloads;
    const waitMs = renewal
      ? retryWaitMs(attempts, askedMs, this.#random.next)
      : Math.min(retryAtMost, retry * 2 ** Math.min(attempts - 1, 20)) * (0.5 + 0.5 * this.#random.next());
    this.#fleet.setRetryAt(svid, now + waitMs);
    this.wakeBy(agent, now + waitMs);
  }

  #outageOf(agent: number): Outage {
    let outage = this.#outages.get(agent);
    if (outage === undefined) this.#outages.set(agent, (outage = new Outage(this.#random.next)));
    return outage;
  }
}
