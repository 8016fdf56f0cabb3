import { setMaxListeners } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.js';
import { ENDED } from '../ended.js';
import { status } from '../grpc-code.js';
import { orAbort } from '../task-group.js';
import { timeLimit } from '../time-limit.js';
import { ClientCall } from './client-call.js';
import { RpcFailure } from './rpc-failure.js';
import { secured } from './secured.js';

/** Times in milliseconds. */
export interface GrpcClientOptions {
  /** `:authority` of each call. */
  readonly authority: string;
  /** Begins a TLS connection that offers `h2`; called whenever there is none. */
  readonly connect: () => TLSSocket;
  readonly clock: Clock;
  /** How long a connection may take until calls can be made on it. */
  readonly connectMs: number;
  /** After an attempt that failed calls fail at once, for this time. */
  readonly pauseMs: number;
  /** The server is pinged that often, and gone when it does not answer within `keepaliveTimeoutMs`. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Longest message that is read. */
  readonly maxMessageBytes: number;
}

/** Bytes that the server may send on a stream before they are read: a message of a hundred SVIDs at once. */
const WINDOW_BYTES = 1024 * 1024;
/** Above what one message may have. */
const SESSION_MEMORY_MB = 64;
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
      const call = await this.open(path, signal);
      const stop = (): void => call.cancel();
      signal.addEventListener('abort', stop, { once: true });
      try {
        call.send(request);
        call.end();
        return await onlyMessage(call);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof RpcFailure && error.unseen && resent < MAX_RESENT)) throw error;
      } finally {
        signal.removeEventListener('abort', stop);
        call.cancel();
      }
    }
  }

  /** A call of any kind. Rejects with RpcFailure when there is no connection, or the reason of `signal`. */
  async open(path: string, signal: AbortSignal): Promise<ClientCall> {
    signal.throwIfAborted();
    // One signal may stand for any number of calls.
    setMaxListeners(0, signal);
    const { authority, maxMessageBytes } = this.#options;
    const session = await orAbort(this.#connected(), signal);
    return new ClientCall(session, headersOf(authority, path), maxMessageBytes);
  }

  /** Ends every call that is left, and the connection. */
  close(): void {
    this.#closed.abort(new RpcFailure(status.CANCELLED, 'the connection was closed'));
  }

  async #connected(): Promise<ClientHttp2Session> {
    this.#closed.signal.throwIfAborted();
    // Closed: the server has said that it goes. Calls under way end there, others begin anew.
    if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { clock, pauseMs } = this.#options;
    if (this.#failed !== undefined && clock.monotonic() < this.#failed.until) throw this.#failed.failure;
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    try {
      this.#session = await this.#connecting;
      this.#failed = undefined;
      return this.#session;
    } catch (failure) {
      this.#failed = { until: clock.monotonic() + pauseMs, failure };
      throw failure;
    }
  }

  async #connect(): Promise<ClientHttp2Session> {
    const { authority, connect, clock, connectMs } = this.#options;
    const socket = connect();
    await secured(socket, { clock, connectMs, closed: this.#closed.signal });
    const session = connectHttp2(`https://${authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
      maxSessionMemory: SESSION_MEMORY_MB,
    });
    session.setLocalWindowSize(WINDOW_BYTES);
    // The calls tell of it.
    session.on('error', () => {});
    const ended = new AbortController();
    const close = (): void => session.destroy();
    if (this.#closed.signal.aborted) close();
    this.#closed.signal.addEventListener('abort', close, { once: true });
    session.once('close', () => {
      this.#closed.signal.removeEventListener('abort', close);
      ended.abort(ENDED);
    });
    this.#keepAlive(session, ended.signal);
    return session;
  }

  #keepAlive(session: ClientHttp2Session, ended: AbortSignal): void {
    const { clock, keepaliveMs, keepaliveTimeoutMs } = this.#options;
    const next = (): void => {
      clock.sleep(keepaliveMs, ended).then(ping, () => {});
    };
    const ping = (): void => {
      if (session.destroyed) return;
      const gone = (): void => session.destroy(new Error('the server does not answer'));
      const answered = timeLimit(keepaliveTimeoutMs, clock, gone);
      session.ping((error) => {
        answered();
        if (error === null) next();
      });
    };
    next();
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
