import type { SvidCaller } from '../../server-stub/src/domain/svid-caller.js';

/** The caller whose signal this is; it waits until `deadline`, milliseconds since the epoch. */
export function callerOf(signal: AbortSignal, deadline = Infinity): SvidCaller & { readonly deadline: number } {
  return {
    get isGone() {
      return signal.aborted;
    },
    signal,
    deadline,
  };
}
