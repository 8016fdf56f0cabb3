import type {
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import { ENDED } from './ended.js';
import { SpirlError } from './errors.js';
import { status } from './grpc-code.js';
import { GRPC_STATUS } from './grpc-status.js';

/** What a method knows about its call besides the request. */
export interface CallContext {
  /** Whether the caller has cancelled, gone away or run out of time. */
  readonly isGone: boolean;
  /** Aborts when it does. Made when it is first asked for: most calls end before anybody needs one. */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, milliseconds since the epoch; `Infinity` when it did not say. */
  readonly deadline: number;
  readonly metadata: Metadata;
  /** What the connection's owner said about the caller when it was accepted (see `injected-server.ts`). */
  readonly peer: unknown;
}

/** Told of errors that nobody expected; the peer only sees `internal error`. */
export type OnUnexpected = (error: unknown) => void;

interface AnyCall {
  readonly metadata: Metadata;
  getAuthContext(): unknown;
  getDeadline(): Date | number;
  on(event: 'cancelled', listener: () => void): unknown;
}

interface WireError {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** Expected failures keep their code and sentence; everything else is reported here and told as nothing but INTERNAL. */
export function wireError(error: unknown, onUnexpected: OnUnexpected): WireError {
  if (error instanceof SpirlError) return { code: GRPC_STATUS[error.code], details: onOneHeader(error.message) };
  onUnexpected(error);
  return { code: status.INTERNAL, details: 'internal error' };
}

/** Longer sentences might not fit the header list that a client accepts, and would then arrive as another error. */
const MAX_DETAILS = 8_192;

/** grpc-js escapes the text and throws, in the middle of ending the call, when a half of a surrogate pair is in it. */
function onOneHeader(text: string): string {
  return text.slice(0, MAX_DETAILS).replace(/\p{Surrogate}/gu, '\uFFFD');
}

class Context implements CallContext {
  readonly deadline: number;
  readonly metadata: Metadata;
  readonly peer: unknown;
  #isGone = false;
  #controller: AbortController | undefined;

  constructor(call: AnyCall) {
    this.deadline = Number(call.getDeadline());
    this.metadata = call.metadata;
    this.peer = (call.getAuthContext() as { peer?: unknown } | undefined)?.peer;
    call.on('cancelled', () => this.end());
  }
  get isGone(): boolean {
    return this.#isGone;
  }
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isGone) this.#controller.abort(ENDED);
    return this.#controller.signal;
  }
  end(): void {
    this.#isGone = true;
    this.#controller?.abort(ENDED);
  }
}

/** Runs an async method as a unary grpc-js handler. */
export function unary<Req, Res>(
  method: (request: Req, context: CallContext) => Promise<Res>,
  onUnexpected: OnUnexpected,
) {
  return async (call: ServerUnaryCall<Req, Res>, done: sendUnaryData<Res>): Promise<void> => {
    const context = new Context(call);
    try {
      done(null, await method(call.request, context));
    } catch (error) {
      if (!context.isGone) done(wireError(error, onUnexpected));
    }
  };
}

/** Runs an async method as a server-streaming handler. The stream ends when the method returns or throws. */
export function serverStream<Req, Res>(
  method: (request: Req, stream: ServerWritableStream<Req, Res>, context: CallContext) => Promise<void>,
  onUnexpected: OnUnexpected,
) {
  return async (call: ServerWritableStream<Req, Res>): Promise<void> => {
    const context = new Context(call);
    try {
      await method(call.request, call, context);
      if (!context.isGone) call.end();
    } catch (error) {
      if (!context.isGone) call.emit('error', wireError(error, onUnexpected));
    } finally {
      context.end();
    }
  };
}

/** Sends a message; `taken` is called when the transport has it, so a sender that waits for it has at most one unsent. */
export type Send<Res> = (message: Res, taken?: () => void) => boolean;

/** Runs an async method as a bidirectional handler; `requests` ends when the client half-closes. */
export function bidiStream<Req, Res>(
  method: (requests: AsyncIterable<Req>, send: Send<Res>, context: CallContext) => Promise<void>,
  onUnexpected: OnUnexpected,
) {
  return async (call: ServerDuplexStream<Req, Res>): Promise<void> => {
    const context = new Context(call);
    try {
      await method(requestsOf(call), (message, taken) => call.write(message, taken), context);
      if (!context.isGone) call.end();
    } catch (error) {
      if (!context.isGone) call.emit('error', wireError(error, onUnexpected));
    } finally {
      context.end();
    }
  };
}

function requestsOf<Req>(
  call: ServerReadableStream<Req, unknown> | ServerDuplexStream<Req, unknown>,
): AsyncIterable<Req> {
  // Leaving the loop must not destroy the call: the answer still has to go out on it.
  return call.iterator({ destroyOnReturn: false }) as AsyncIterable<Req>;
}
