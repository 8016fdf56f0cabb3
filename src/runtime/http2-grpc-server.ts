import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from './clock.js';
import { DeadlineQueue } from './deadline-queue.js';
import type { SpirlError } from './errors.js';
import type { OnUnexpected } from './grpc-adapter.js';
import { Http2Call, refuseHttp, refuseUnknown, type CallParts, type ServedRpc } from './http2-call.js';
import { Http2Connection, type ConnectionEvents, type ConnectionLimits } from './http2-connection.js';
import type { RpcMethod } from './rpc-method.js';
import type { RpcObserver } from './rpc-observer.js';

/** Times in milliseconds. */
export interface Http2GrpcLimits {
  readonly maxRequestBytes: number;
  readonly streamsPerConnection: number;
  /** How long a call may take to send its request. */
  readonly requestMs: number;
  /** A client that does not answer a ping within `keepaliveTimeoutMs`, sent each `keepaliveMs`, is gone. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A connection without any call is closed after this time. */
  readonly idleMs: number;
}

export interface Http2GrpcServerOptions {
  /** By path, `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, RpcMethod>;
  /** Asked before a byte of a call's request is read. Throws the refusal, or returns what is to be called when the call is gone. */
  admit(path: string, headers: IncomingHttpHeaders, peer: object): () => void;
  readonly observer: RpcObserver;
  readonly onUnexpected: OnUnexpected;
  readonly clock: Clock;
  readonly limits: Http2GrpcLimits;
}

const ignore = (): void => {};

/**
 * A gRPC server on connections that its owner has accepted and knows the other end of: node:http2 and gRPC's framing, and
 * nothing per call that is not needed. For the socket that every workload of a node connects to anew for each fetch.
 */
export class Http2GrpcServer implements ConnectionEvents {
  readonly #options: Http2GrpcServerOptions;
  readonly #rpcs: ReadonlyMap<string, ServedRpc>;
  readonly #call: CallParts;
  readonly #connection: ConnectionLimits;
  readonly #connections = new Set<Http2Connection>();
  readonly #calls = new Set<Http2Call>();
  #stopped: SpirlError | undefined;

  constructor(options: Http2GrpcServerOptions) {
    const { limits, clock, observer, onUnexpected } = options;
    this.#options = options;
    this.#rpcs = new Map([...options.methods].map(([path, method]) => [path, servedRpc(path, method)]));
    const requests = new DeadlineQueue(limits.requestMs, clock);
    this.#call = { maxRequestBytes: limits.maxRequestBytes, requests, clock, observer, onUnexpected };
    this.#connection = {
      streams: limits.streamsPerConnection,
      silent: new DeadlineQueue(limits.keepaliveMs, clock),
      answer: new DeadlineQueue(limits.keepaliveTimeoutMs, clock),
      idle: new DeadlineQueue(limits.idleMs, clock),
    };
  }

  /** Takes over a connection; `peer` is what its calls carry. */
  serve(socket: Socket, peer: object): void {
    // Its `close` has been, or will be, told to nobody here.
    if (socket.destroyed) return;
    this.#connections.add(new Http2Connection(socket, peer, this.#connection, this));
  }

  /** Calls whose outcome is open. */
  get openCalls(): number {
    return this.#calls.size;
  }

  /** Ends every call, and those that still come, with `reason`. */
  endCalls(reason: SpirlError): void {
    this.#stopped = reason;
    for (const call of this.#calls) call.fail(reason);
  }

  /** Lets calls end for `graceMs`, then closes what is left. Stop accepting before calling this. */
  async shutdown(graceMs: number): Promise<void> {
    const done = new AbortController();
    const grace = this.#options.clock.sleep(graceMs, done.signal).catch(() => {});
    for (const connection of this.#connections) connection.leave();
    await Promise.race([grace, this.#allClosed()]);
    done.abort();
    for (const connection of this.#connections) connection.destroy();
    for (const queue of [
      this.#call.requests,
      this.#connection.silent,
      this.#connection.answer,
      this.#connection.idle,
    ]) {
      queue.close();
    }
  }

  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: Http2Connection): void {
    // Told by its end; without a listener it would end the process.
    stream.on('error', ignore);
    // Reset by its client in the same breath: to answer would throw, with nobody to catch it.
    if (stream.destroyed || stream.closed) return;
    const refused = httpStatusOf(headers);
    if (refused !== undefined) {
      refuseHttp(stream, refused);
      return;
    }
    const path = headers[':path'] ?? '';
    const rpc = this.#rpcs.get(path);
    if (rpc === undefined) refuseUnknown(stream, path);
    else this.#serve(stream, headers, rpc, path, connection);
  }

  closed(connection: Http2Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#empty();
  }

  #serve(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rpc: ServedRpc,
    path: string,
    connection: Http2Connection,
  ) {
    const ended = connection.called();
    let giveBack = (): void => {};
    const call = new Http2Call(stream, rpc, connection.peer, this.#call, () => {
      this.#calls.delete(call);
      giveBack();
      ended();
    });
    this.#calls.add(call);
    try {
      if (this.#stopped !== undefined) throw this.#stopped;
      giveBack = this.#options.admit(path, headers, connection.peer);
      call.begin(headers);
    } catch (error) {
      call.fail(error);
    }
  }

  #empty = (): void => {};

  #allClosed(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#empty = resolve));
  }
}

function servedRpc(path: string, method: RpcMethod): ServedRpc {
  const [, service = '', name = ''] = path.split('/');
  return { labels: { service, method: name, type: method.type }, method };
}

/** HTTP status for what is no gRPC call. */
function httpStatusOf(headers: IncomingHttpHeaders): number | undefined {
  if (headers[':method'] !== 'POST') return 405;
  return /^application\/grpc(?:[+;]|$)/.test(headers['content-type'] ?? '') ? undefined : 415;
}
