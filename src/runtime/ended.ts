/**
 * Why a signal aborts at the ordinary end of what it stood for. Made once: an abort without a reason makes an error with a stack
 * trace each time, and several signals end with every call.
 */
export const ENDED: Error = Object.freeze(new Error('ended'));
