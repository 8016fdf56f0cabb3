import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';
import { DeadlineLengths } from '../deadline-lengths.js';
import { DeadlineQueue } from '../deadline-queue.js';
import type { SpirlError } from '../errors.js';
import type { OnUnexpected } from '../wire-error.js';
import { FloodGuard } from '../http2/flood-guard.js';
import { DEFAULT_WINDOW, Setting, settingsFrame, windowFrame } from '../http2/frame.js';
import { MAX_HEADER_LIST_BYTES, type HeaderFields } from '../http2/request-headers.js';
import type { Http2Stream } from '../http2/stream.js';
import { WriteTurn } from '../http2/write-turn.js';
import { refuseHttp, refuseUnknown } from './refusals.js';
import { ServedCall, type CallParts, type ServedRpc } from './served-call.js';
import type { RpcMethod } from '../rpc-method.js';
import type { RpcObserver } from '../rpc-observer.js';
import { ServedConnection, type ServedConnectionEvents, type ServedConnectionParts } from './served-connection.js';

/** Times in milliseconds. */
export interface GrpcServerLimits {
  readonly maxRequestBytes: number;
  readonly streamsPerConnection: number;
  /** What a client may send ahead, in bytes; default 64 KiB on a connection as on each of its streams. */
  readonly windows?: { readonly connection: number; readonly stream: number };
  /** How long a client may take to begin to speak HTTP/2. */
  readonly openingMs: number;
  /** How long a call may take to send its request. */
  readonly requestMs: number;
  /** A client that does not answer a ping within `keepaliveTimeoutMs`, sent each `keepaliveMs`, is gone. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A connection without any call is closed after this time. */
  readonly idleMs: number;
}

export interface GrpcServerOptions {
  /** By path, `/package.Service/Method`. */
  readonly methods: ReadonlyMap<string, RpcMethod>;
  /** Asked before a byte of a call's request is read. Throws the refusal, or returns what is to be called when the call is gone. */
  admit(path: string, headers: HeaderFields, peer: object): () => void;
  readonly observer: RpcObserver;
  readonly onUnexpected: OnUnexpected;
  readonly clock: Clock;
  readonly limits: GrpcServerLimits;
}

/** Frames of one client that are for nothing; what is of use allows for more. */
const FRAME_LIMIT = { burst: 10_000, perSecond: 2_000 };
/** Calls that one client cancels; each has cost the work up to then. */
const RESET_LIMIT = { burst: 2_000, perSecond: 200 };

/**
 * A gRPC server on connections that its owner has accepted and knows the other end of: HTTP/2 and gRPC's framing, and nothing per
 * call that is not needed. For the socket that every workload of a node connects to anew for each fetch.
 */
export class GrpcServer implements ServedConnectionEvents {
  readonly #options: GrpcServerOptions;
  readonly #rpcs: ReadonlyMap<string, ServedRpc>;
  readonly #call: CallParts;
  readonly #connection: ServedConnectionParts;
  readonly #connections = new Set<ServedConnection>();
  readonly #calls = new Set<ServedCall>();
  #stopped: SpirlError | undefined;
  #leaving = false;

  constructor(options: GrpcServerOptions) {
    const { limits, clock, observer, onUnexpected } = options;
    const windows = limits.windows ?? { connection: DEFAULT_WINDOW, stream: DEFAULT_WINDOW };
    this.#options = options;
    this.#rpcs = new Map([...options.methods].map(([path, method]) => [path, servedRpc(path, method)]));
    this.#call = {
      maxRequestBytes: limits.maxRequestBytes,
      requests: new DeadlineQueue(limits.requestMs, clock),
      deadlines: new DeadlineLengths(clock),
      ...{ clock, observer, onUnexpected },
      closed: (call) => this.#calls.delete(call),
    };
    this.#connection = {
      streams: limits.streamsPerConnection,
      windows,
      greeting: greeting(limits.streamsPerConnection, windows),
      turn: new WriteTurn(),
      onUnexpected,
      guards: () => ({ frames: new FloodGuard(FRAME_LIMIT, clock), resets: new FloodGuard(RESET_LIMIT, clock) }),
      times: {
        opening: new DeadlineQueue(limits.openingMs, clock),
        silent: new DeadlineQueue(limits.keepaliveMs, clock),
        answer: new DeadlineQueue(limits.keepaliveTimeoutMs, clock),
        idle: new DeadlineQueue(limits.idleMs, clock),
      },
    };
  }

  /** Takes over a connection; `peer` is what its calls carry. A socket that is closed already is left alone, one that comes too late is closed. */
  serve(socket: Socket, peer: object): ServedConnection | undefined {
    // Its `close` has been, or will be, told to nobody here.
    if (socket.destroyed) return undefined;
    if (this.#leaving) {
      socket.destroy();
      return undefined;
    }
    const connection = new ServedConnection(socket, this.#connection, peer, this);
    this.#connections.add(connection);
    return connection;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
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
    this.#leaving = true;
    const done = new AbortController();
    const grace = this.#options.clock.sleep(graceMs, done.signal).catch(() => {});
    for (const connection of this.#connections) connection.leave();
    await Promise.race([grace, this.#allClosed()]);
    done.abort();
    for (const connection of this.#connections) connection.destroy();
    const { requests, deadlines } = this.#call;
    const { opening, silent, answer, idle } = this.#connection.times;
    for (const each of [requests, deadlines, opening, silent, answer, idle]) each.close();
  }

  request(stream: Http2Stream, headers: HeaderFields, connection: ServedConnection): void {
    const refused = httpStatusOf(headers);
    const path = headers[':path'] ?? '';
    const rpc = this.#rpcs.get(path);
    if (refused !== undefined) refuseHttp(stream, refused);
    else if (rpc === undefined) refuseUnknown(stream, path);
    else this.#serve(stream, headers, rpc, path, connection);
  }

  closed(connection: ServedConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#empty();
  }

  #serve(stream: Http2Stream, headers: HeaderFields, rpc: ServedRpc, path: string, connection: ServedConnection): void {
    const call = new ServedCall(stream, rpc, connection, this.#call);
    this.#calls.add(call);
    try {
      if (this.#stopped !== undefined) throw this.#stopped;
      call.begin(headers, this.#options.admit(path, headers, connection.peer));
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

/** Our SETTINGS and, as the window of a connection is none of them, what it has more than it would have without a word. */
function greeting(streams: number, { connection, stream }: { connection: number; stream: number }): Buffer {
  const settings = settingsFrame([
    [Setting.MAX_CONCURRENT_STREAMS, streams],
    [Setting.INITIAL_WINDOW_SIZE, stream],
    [Setting.MAX_HEADER_LIST_SIZE, MAX_HEADER_LIST_BYTES],
  ]);
  return connection > DEFAULT_WINDOW
    ? Buffer.concat([settings, windowFrame(0, connection - DEFAULT_WINDOW)])
    : settings;
}

function servedRpc(path: string, method: RpcMethod): ServedRpc {
  const [, service = '', name = ''] = path.split('/');
  return { labels: { service, method: name, type: method.type }, method };
}

/** HTTP status for what is no gRPC call. */
function httpStatusOf(headers: HeaderFields): number | undefined {
  if (headers[':method'] !== 'POST') return 405;
  return /^application\/grpc(?:[+;]|$)/.test(headers['content-type'] ?? '') ? undefined : 415;
}
