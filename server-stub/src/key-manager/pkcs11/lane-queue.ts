import { orAbort } from 'spirl-agent/runtime/task-group.js';
import type { AnswerTo, Lane, TokenCall } from './token-calls.js';
import { TokenError } from './token-failure.js';

/** One is carried out, one waits where it costs no time to begin it. */
const PER_LANE = 2;
/** The callers bound what is under way; this bounds a mistake. */
const MAX_WAITING = 256;

/** Calls on their way to lanes, in the order in which they came. */
export class LaneQueue {
  #lanes: readonly { readonly lane: Lane; busy: number }[] = [];
  readonly #waiting: (() => void)[] = [];

  /** From now on calls go to these. */
  serve(lanes: readonly Lane[]): void {
    this.#lanes = lanes.map((lane) => ({ lane, busy: 0 }));
    for (let room = lanes.length * PER_LANE; room > 0; room--) this.#waiting.shift()?.();
  }

  async call<C extends TokenCall>(call: C, signal: AbortSignal): Promise<AnswerTo<C>> {
    if (this.#freest() === undefined) await this.#turn(signal);
    const chosen = this.#freest();
    if (chosen === undefined) throw new TokenError({ fate: 'busy', reason: 'no session is free' });
    chosen.busy++;
    const answer = chosen.lane.call(call).finally(() => {
      chosen.busy--;
      this.#waiting.shift()?.();
    });
    return orAbort(answer, signal);
  }

  #freest(): { readonly lane: Lane; busy: number } | undefined {
    const [freest] = this.#lanes.filter(({ busy }) => busy < PER_LANE).sort((a, b) => a.busy - b.busy);
    return freest;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) throw new TokenError({ fate: 'busy', reason: 'too many calls wait' });
    let mine = (): void => {};
    const turn = new Promise<void>((resolve) => {
      mine = resolve;
    });
    this.#waiting.push(mine);
    try {
      await orAbort(turn, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(mine);
      // Its turn came as it left: somebody else's.
      if (at < 0) this.#waiting.shift()?.();
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }
}
