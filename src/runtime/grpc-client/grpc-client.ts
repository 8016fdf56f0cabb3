import { setMaxListeners } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.js';
import { status } from '../grpc-code.js';
import { orAbort } from '../task-group.js';
import { ClientCall } from './client-call.js';
import { RpcFailure } from './rpc-failure.js';
import { serverSession, type ServerSessionOptions } from './server-session.js';

/** Times in milliseconds. */
export interface GrpcClientOptions extends Omit<ServerSessionOptions, 'closed'> {
  /** Begins a TLS connection that offers `h2`; called whenever there is none. */
  readonly connect: () => TLSSocket;
  /** Told of each attempt to connect that failed. */
  readonly unreachable?: () => void;
  readonly clock: Clock;
  /** From one attempt to connect to the next; after one that failed calls fail at once for that time. */
  readonly pauseMs: number;
  /** Longest message that is read. */
  readonly maxMessageBytes: number;
}

/** A closing connection may refuse a call unseen; then it goes out on the next one, this often. */
const MAX_RESENT = 2;

/**
 * gRPC to one server over TLS: one HTTP/2 connection, opened by the first call and again by the next one after it was lost or the server
 * has closed it. What a client of one server needs, and no more: no name resolution of its own, no balancing.
 */
export class GrpcClient {
  readonly #options: GrpcClientOptions;
  readonly #closed = new AbortController();
  #session: ClientHttp2Session | undefined;
  #connecting: Promise<ClientHttp2Session> | undefined;
  #beganAt = -Infinity;
  #failed: { readonly until: number; readonly failure: unknown } | undefined;

  constructor(options: GrpcClientOptions) {
    this.#options = options;
  }

  /** Begins to connect, so that the first call need not wait as long. */
  warm(): void {
    this.#connected().catch(() => {});
  }

  /** One message for one. Rejects with RpcFailure, or the reason of `signal`. */
  async unary(path: string, request: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    for (let resent = 0; ; resent++) {
      try {
        return await this.#once(path, request, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RpcFailure && error.unseen && resent < MAX_RESENT)) throw error;
      }
    }
  }

  /** A call of any kind; cancelled when `signal` aborts. Rejects with RpcFailure when there is no connection, or the reason of `signal`. */
  async open(path: string, signal: AbortSignal): Promise<ClientCall> {
    signal.throwIfAborted();
    // One signal may stand for any number of calls.
    setMaxListeners(0, signal);
    const { authority, maxMessageBytes } = this.#options;
    const session = await orAbort(this.#connected(), signal);
    return new ClientCall(session, { headers: headersOf(authority, path), maxBytes: maxMessageBytes, signal });
  }

  /** Ends every call that is left, and the connection. */
  close(): void {
    this.#closed.abort(new RpcFailure(status.CANCELLED, 'the connection was closed'));
  }

  async #once(path: string, request: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    const call = await this.open(path, signal);
    try {
      call.send(request);
      call.end();
      return await onlyMessage(call);
    } finally {
      call.cancel();
    }
  }

  async #connected(): Promise<ClientHttp2Session> {
    this.#closed.signal.throwIfAborted();
    // Closed: the server has said that it goes. Calls under way end there, others begin anew.
    if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { clock } = this.#options;
    if (this.#failed !== undefined && clock.monotonic() < this.#failed.until) throw this.#failed.failure;
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async #connect(): Promise<ClientHttp2Session> {
    const { connect, unreachable, clock, pauseMs } = this.#options;
    const { signal: closed } = this.#closed;
    // A server that greets and goes at once is not knocked at without a pause either.
    const sinceLast = clock.monotonic() - this.#beganAt;
    if (sinceLast < pauseMs) await clock.sleep(pauseMs - sinceLast, closed);
    this.#beganAt = clock.monotonic();
    try {
      this.#session = await serverSession(connect(), { ...this.#options, closed });
      this.#failed = undefined;
      return this.#session;
    } catch (failure) {
      this.#failed = { until: clock.monotonic() + pauseMs, failure };
      if (!closed.aborted) unreachable?.();
      throw failure;
    }
  }
}

async function onlyMessage(call: ClientCall): Promise<Buffer> {
  let answer: Buffer | undefined;
  for await (const message of call.messages()) {
    if (answer !== undefined) throw new RpcFailure(status.INTERNAL, 'one answer is expected, got two');
    answer = message;
  }
  if (answer === undefined) throw new RpcFailure(status.INTERNAL, 'one answer is expected, got none');
  return answer;
}

function headersOf(authority: string, path: string): Readonly<Record<string, string>> {
  return {
    ':method': 'POST',
    ':scheme': 'https',
    ':authority': authority,
    ':path': path,
    te: 'trailers',
    'content-type': 'application/grpc',
    'grpc-accept-encoding': 'identity',
  };
}
