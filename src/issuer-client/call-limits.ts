import type { BatchLimits } from './micro-batch.js';

/** One message to the server; a key service behind it may take its time. */
export const CALL_MS = 15_000;
/** From the beginning of a bundle stream to the first trust state, which a server that is well has at hand. */
export const FIRST_STATE_MS = 15_000;
/** One item, waiting included. */
export const ITEM_MS = 20_000;

export const FIRST_ISSUES: BatchLimits = { items: 100, messages: 8, waiting: 10_000 };
/** Their own lane: a renewal wave, however slow, never stands before a new workload. */
export const RENEWALS: BatchLimits = { items: 100, messages: 16, waiting: 20_000 };
export const JWTS: BatchLimits = { items: 100, messages: 8, waiting: 10_000 };

/** TCP and TLS together; after an attempt that failed calls fail at once for a moment, so that nobody knocks without a pause. */
export const CONNECT_MS = 10_000;
export const RECONNECT_PAUSE_MS = 1_000;

/** A balancer that drops an idle connection must not hide a taint for longer than these two together. */
export const KEEPALIVE_MS = 20_000;
export const KEEPALIVE_TIMEOUT_MS = 10_000;
