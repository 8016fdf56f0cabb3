import type { Attributes } from '../domain/attributes.js';
import type { X509Context } from '../domain/x509-context.js';
import { encodeX509Context } from './messages.js';
import type { StreamServe } from './workload.js';

export interface X509ContextSource {
  /**
   * Calls `deliver` with the present context as soon as there is one, and with each newer one. Resolves when `signal` aborts;
   * rejects with NO_IDENTITY_ISSUED or UNAVAILABLE when the stream has to end.
   */
  watch(attributes: Attributes, deliver: (context: X509Context) => void, signal: AbortSignal): Promise<void>;
}

/** FetchX509SVID: all identities of the caller, and again whenever something of it changes. */
export function fetchX509Svid(contexts: X509ContextSource): StreamServe {
  return ({ attributes }, signal, push) =>
    contexts.watch(attributes, (context) => push(encodeX509Context(context)), signal);
}
