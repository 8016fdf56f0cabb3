import { Alarm } from '../runtime/alarm.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { SpirlError } from '../runtime/errors.js';
import type { Logger } from '../runtime/logger.js';
import { backoffMs } from './backoff.js';
import { ISSUER_DEADLINE_MS, type IdentityResolver, type Resolution } from './issuer.js';
import { isDenied } from './unavailable.js';
import type { HeldSvid, X509Entry } from './x509-entry.js';

/** What the policy decides about. */
export interface PolicySubjects {
  unchecked(): readonly X509Entry[];
  decided(entry: X509Entry, held: HeldSvid, version: number, answer: Resolution | SpirlError): void;
}

export interface PolicyFollowerParts {
  readonly resolver: IdentityResolver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Longest random wait of an agent before it asks; spreads a change over the fleet. */
  readonly delayMaxMs: number;
  readonly policyVersion: () => number;
}

/** Attribute sets in one question. */
const BATCH = 100;
const RETRY_MAX_MS = 10_000;

/** After a change of policy: asks what each held identity would get now, so that only what is different is issued again. */
export class PolicyFollower {
  readonly #alarm = new Alarm();
  readonly #subjects: PolicySubjects;
  readonly #parts: PolicyFollowerParts;

  constructor(subjects: PolicySubjects, parts: PolicyFollowerParts) {
    this.#subjects = subjects;
    this.#parts = parts;
  }

  /** There may be something to ask. */
  wake(): void {
    this.#alarm.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, delayMaxMs } = this.#parts;
    let failures = 0;
    while (!signal.aborted) {
      if (this.#subjects.unchecked().length === 0) {
        await this.#alarm.wait(Infinity, clock, signal);
        continue;
      }
      await clock.sleep(failures > 0 ? backoffMs(failures, RETRY_MAX_MS, random) : random() * delayMaxMs, signal);
      failures = (await this.#ask(signal)) ? 0 : failures + 1;
    }
  }

  /** Returns whether everything asked about was decided. */
  async #ask(signal: AbortSignal): Promise<boolean> {
    const entries = this.#subjects.unchecked();
    let decided = true;
    for (let from = 0; from < entries.length && decided; from += BATCH) {
      decided = await this.#askBatch(entries.slice(from, from + BATCH), signal);
    }
    return decided;
  }

  async #askBatch(entries: readonly X509Entry[], signal: AbortSignal): Promise<boolean> {
    const { resolver, clock, log, policyVersion } = this.#parts;
    const version = policyVersion();
    const asked = entries.map((entry) => ({ entry, held: entry.held }));
    const items = entries.map(({ part }) => part.attributes);
    try {
      const call = (ended: AbortSignal): Promise<readonly (Resolution | SpirlError)[]> =>
        resolver.resolve(items, ended);
      const answers = await withDeadline(call, ISSUER_DEADLINE_MS, 'the server does not answer', clock, signal);
      for (const [index, { entry, held }] of asked.entries()) {
        const answer = answers[index];
        if (held !== undefined && answer !== undefined) this.#subjects.decided(entry, held, version, answer);
      }
      const told = answers.filter((answer) => !(answer instanceof SpirlError) || isDenied(answer));
      return told.length === items.length;
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn('The server could not say what the changed policy means', { error });
      return false;
    }
  }
}
