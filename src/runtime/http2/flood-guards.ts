import type { FloodGuard } from './flood-guard.js';
import { ConnectionError, ErrorCode } from './frame.js';

/** The counters of one connection. */
export interface Guards {
  /** For frames that cost their sender nothing. */
  readonly frames: FloodGuard;
  /** For streams whose work was for nothing. */
  readonly resets: FloodGuard;
}

/** Pings, windows and priorities that come with a request; some clients measure their way to us with a ping for each answer. */
const FRAMES_PER_REQUEST = 10;

/** What a client may send that costs us more than it; most connections are over before there is anything to count. */
export class FloodGuards {
  readonly #make: () => Guards;
  #guards: Guards | undefined;

  constructor(make: () => Guards) {
    this.#make = make;
  }

  /** A request, which has a use, makes up for some frames. */
  request(): void {
    this.#guards?.frames.earn(FRAMES_PER_REQUEST);
  }

  /** One more frame of those that cost their sender nothing. */
  cheap(): void {
    this.#guards ??= this.#make();
    if (!this.#guards.frames.allows()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'a flood of frames');
  }

  /** One more stream whose work was for nothing. */
  costly(): void {
    this.#guards ??= this.#make();
    if (!this.#guards.resets.allows()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'a flood of resets');
  }
}
