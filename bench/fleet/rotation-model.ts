import { PUBLISH_WAIT_MS } from '../../server-stub/src/api/bundle-sync-agents.js';
import { MUTATION_LIMIT_MS } from '../../server-stub/src/keyset/claim.js';
import { sampler } from './distribution.js';
import type { Random } from './random.js';
import type { Scenario } from './scenario.js';
import { STEPS, type Step } from './trust-states.js';

/** What became of a step. Milliseconds from the start. */
export interface StepRecord {
  readonly step: Step;
  readonly runAt: number;
  readonly committedAt: number;
  /** Published and acknowledged, or waited for as long as it waits. */
  returnedAt: number;
}

/** The operator, who runs the steps one after another. */
export class RotationModel {
  readonly #rotation: Scenario['rotation'];
  readonly #upstream: Scenario['upstream'];
  readonly #upstreamMs: () => number;
  readonly steps: StepRecord[] = [];
  /** Why the rotation ended early. */
  failure: string | undefined;

  constructor(scenario: Scenario, random: Random) {
    this.#rotation = scenario.rotation;
    this.#upstream = scenario.upstream;
    this.#upstreamMs = sampler(scenario.upstream.latency, random);
  }

  committedAt(step: Step): number | undefined {
    return this.steps.find((record) => record.step === step)?.committedAt;
  }

  returnedAt(step: Step): number | undefined {
    return this.steps.find((record) => record.step === step)?.returnedAt;
  }

  /** When the next step is committed; `undefined`: there is none. */
  nextCommit(): number | undefined {
    const runAt = this.#nextRun();
    if (runAt === undefined) return undefined;
    if (this.steps.length > 0) return runAt;
    const waitMs = Math.max(this.#upstream.away, 0) + this.#upstreamMs();
    if (waitMs <= MUTATION_LIMIT_MS) return runAt + waitMs;
    this.failure = `prepare failed: the upstream authority did not answer within ${MUTATION_LIMIT_MS / 1000} s. Nothing was changed.`;
    return undefined;
  }

  /** The next step was committed at `now` and the last agent has it at `publishedAt`. */
  committed(now: number, publishedAt: number): void {
    const step = STEPS[this.steps.length];
    if (step === undefined) throw new Error('there are no more steps');
    const runAt = this.#nextRun() ?? now;
    this.steps.push({ step, runAt, committedAt: now, returnedAt: Math.min(now + PUBLISH_WAIT_MS, publishedAt) });
  }

  #nextRun(): number | undefined {
    const { enabled, prepareAt, activateAfter, taintAfter, removeAfter } = this.#rotation;
    if (!enabled || this.failure !== undefined) return undefined;
    const returned = this.steps.at(-1)?.returnedAt;
    if (returned === undefined) return prepareAt;
    const after = [activateAfter, taintAfter, removeAfter][this.steps.length - 1];
    return after === undefined ? undefined : returned + after;
  }
}
