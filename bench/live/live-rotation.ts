import type { Clock } from '../../src/runtime/clock.js';
import { MUTATION_MS } from '../../server-stub/cli/admin-client.js';
import type { Scenario } from '../fleet/scenario.js';
import { STEPS, type Step } from '../fleet/trust-states.js';
import { moment } from './fleet-log.js';
import type { LiveTarget } from './live-target.js';

/** An operator tries again when the server does not answer, so often and after so long. */
const ATTEMPTS = 20;
const AGAIN_MS = 1_000;

/** A step as the operator saw it. Milliseconds since the epoch. */
export interface RunStep {
  readonly step: Step;
  readonly runAt: number;
  readonly returnedAt: number;
}

/** The operator of a live run: runs the steps of the scenario's rotation one after another, as the simulator's does. */
export class LiveRotation {
  readonly steps: RunStep[] = [];
  /** Why it ended early. */
  failure: string | undefined;
  oldKeyset = '';
  newKeyset = '';
  readonly #rotation: Scenario['rotation'];
  readonly #target: LiveTarget;
  readonly #clock: Clock;

  constructor(rotation: Scenario['rotation'], target: LiveTarget, clock: Clock) {
    this.#rotation = rotation;
    this.#target = target;
    this.#clock = clock;
  }

  /** Whether the last step of the scenario has returned, or none will follow. */
  get isOver(): boolean {
    const { enabled, removeAfter } = this.#rotation;
    const last = removeAfter === undefined ? 'taint' : 'remove';
    return !enabled || this.failure !== undefined || this.steps.at(-1)?.step === last;
  }

  /** `activeKeyset`: asked once, before the first step. */
  async run(activeKeyset: () => Promise<string>, signal: AbortSignal): Promise<void> {
    const { enabled, prepareAt, activateAfter, taintAfter, removeAfter } = this.#rotation;
    if (!enabled) return;
    const waits = [prepareAt, activateAfter, taintAfter, removeAfter];
    for (const [index, step] of STEPS.entries()) {
      const waitMs = waits[index];
      if (waitMs === undefined) return;
      await this.#clock.sleep(waitMs, signal);
      if (step === 'prepare') this.oldKeyset = await activeKeyset();
      const runAt = moment();
      try {
        await this.#patiently(() => this.#step(step), signal);
      } catch (error) {
        if (signal.aborted) throw error;
        this.failure = `${step} failed: ${error instanceof Error ? error.message : String(error)}`;
        return;
      }
      this.steps.push({ step, runAt, returnedAt: moment() });
    }
  }

  async #step(step: Step): Promise<void> {
    const { trustDomain, deploymentName } = this.#target;
    const deployment = { trustDomain, deploymentName };
    const admin = await this.#target.admin();
    const move = (method: 'Activate' | 'Taint' | 'Remove', keySetId: string): Promise<unknown> =>
      admin.call(`trustdomain.${method}DeploymentKeySet`, { deployment, keySetId }, MUTATION_MS);
    switch (step) {
      case 'prepare':
        this.newKeyset = (
          await admin.call('trustdomain.PrepareDeploymentKeySet', { deployment }, MUTATION_MS)
        ).keySetId;
        return;
      case 'activate':
        await move('Activate', this.newKeyset);
        return;
      case 'taint':
        await move('Taint', this.oldKeyset);
        return;
      case 'remove':
        await move('Remove', this.oldKeyset);
    }
  }

  async #patiently(act: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await act();
        return;
      } catch (error) {
        if (attempt === ATTEMPTS || signal.aborted || !isAway(error)) throw error;
        await this.#clock.sleep(AGAIN_MS, signal);
      }
    }
  }
}

/** No server at the socket, or one that ended under the call. */
function isAway(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === 'UNAVAILABLE' || code === 14;
}
