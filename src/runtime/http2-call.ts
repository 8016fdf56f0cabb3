import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Clock } from './clock.js';
import type { DeadlineQueue } from './deadline-queue.js';
import { ENDED } from './ended.js';
import { SpirlError } from './errors.js';
import { wireError, type OnUnexpected } from './grpc-adapter.js';
import { MESSAGE_ENCODINGS, MessageReader } from './grpc-frame.js';
import { timeoutMs } from './grpc-timeout.js';
import type { RpcCall, RpcMethod } from './rpc-method.js';
import type { RpcLabels, RpcObserver } from './rpc-observer.js';

/** A method with its labels. */
export interface ServedRpc {
  readonly labels: RpcLabels;
  readonly method: RpcMethod;
}

/** What all calls of a server share. */
export interface CallParts {
  readonly maxRequestBytes: number;
  /** How long a call with one request may take to send it. */
  readonly requests: DeadlineQueue;
  readonly clock: Clock;
  readonly observer: RpcObserver;
  readonly onUnexpected: OnUnexpected;
}

const RESPONSE = Object.freeze({
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': MESSAGE_ENCODINGS,
});
const WITH_TRAILERS = Object.freeze({ waitForTrailers: true });

const nothing = (): void => {};

/** One gRPC call on an HTTP/2 stream, from its headers to its trailers. */
export class Http2Call implements RpcCall {
  readonly peer: object;
  readonly #stream: ServerHttp2Stream;
  readonly #rpc: ServedRpc;
  readonly #parts: CallParts;
  readonly #startedAt: number;
  #ended: AbortController | undefined;
  #reason: unknown;
  #over = false;
  #requested = false;
  #inTime = nothing;
  #trailers: OutgoingHttpHeaders = {};

  /** `closed` is told once, when nothing of the call is left. */
  constructor(stream: ServerHttp2Stream, rpc: ServedRpc, peer: object, parts: CallParts, closed: () => void) {
    this.peer = peer;
    this.#stream = stream;
    this.#rpc = rpc;
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    parts.observer.started(rpc.labels);
    stream.once('close', () => {
      this.#end(status.CANCELLED, ENDED);
      closed();
    });
  }

  get signal(): AbortSignal {
    if (this.#ended === undefined) {
      this.#ended = new AbortController();
      if (this.#over) this.#ended.abort(this.#reason);
    }
    return this.#ended.signal;
  }

  /** Reads the request and serves it. */
  begin(headers: IncomingHttpHeaders): void {
    try {
      const encoding = headers['grpc-encoding'] as string | undefined;
      const reader = new MessageReader({ maxBytes: this.#parts.maxRequestBytes, encoding });
      const limit = timeoutMs(headers['grpc-timeout'] as string | undefined);
      if (limit !== undefined) this.#limit(this.#startedAt + limit);
      const { method } = this.#rpc;
      if (method.type === 'bidi_stream') this.#settle(method.serve(this.#requests(reader), this));
      else this.#read(reader, method);
    } catch (error) {
      this.fail(error);
    }
  }

  send(frame: Buffer, taken?: () => void): void {
    if (this.#over || this.#stream.destroyed || this.#stream.closed) return;
    this.#parts.observer.sent(this.#rpc.labels);
    if (!this.#stream.headersSent) this.#respond();
    this.#stream.write(frame, taken);
  }

  fail(error: unknown): void {
    if (this.#over) return;
    const { code, details } = wireError(error, this.#parts.onUnexpected);
    this.#finish(code, details, error);
  }

  /** Everything up to the client's half-close, then the one message in it. */
  #read(reader: MessageReader, method: Exclude<RpcMethod, { type: 'bidi_stream' }>): void {
    const stream = this.#stream;
    let request: Buffer | undefined;
    const onData = (chunk: Buffer): void => {
      if (this.#over) return;
      try {
        for (const message of reader.push(chunk)) {
          if (request !== undefined) throw new SpirlError('UNIMPLEMENTED', 'request: one message is expected, got two');
          this.#parts.observer.received(this.#rpc.labels);
          request = message;
        }
      } catch (error) {
        this.fail(error);
      }
    };
    this.#inTime = this.#parts.requests.start(() =>
      this.fail(new SpirlError('DEADLINE_EXCEEDED', 'no complete request came in time')),
    );
    stream.on('data', onData);
    stream.once('end', () => {
      this.#requested = true;
      // A stream may live for months: what was for its request goes.
      stream.off('data', onData);
      this.#inTime();
      this.#inTime = nothing;
      if (this.#over) return;
      if (request === undefined || reader.inside) {
        this.fail(new SpirlError('UNIMPLEMENTED', 'request: one message is expected, got none'));
      } else {
        this.#serve(request, method);
      }
    });
  }

  #serve(request: Buffer, method: Exclude<RpcMethod, { type: 'bidi_stream' }>): void {
    if (method.type === 'server_stream') {
      this.#settle(method.serve(request, this));
      return;
    }
    method.serve(request, this).then(
      (frame) => {
        this.send(frame);
        this.#finish(status.OK, '', ENDED);
      },
      (error: unknown) => this.fail(error),
    );
  }

  async *#requests(reader: MessageReader): AsyncIterable<Buffer> {
    const chunks = this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    for await (const chunk of chunks) {
      for (const message of reader.push(chunk)) {
        this.#parts.observer.received(this.#rpc.labels);
        yield message;
      }
    }
    this.#requested = true;
    if (reader.inside) throw new SpirlError('INVALID_REQUEST', 'request: it ends within a message');
  }

  #settle(served: Promise<void>): void {
    served.then(
      () => this.#finish(status.OK, '', ENDED),
      (error: unknown) => this.fail(error),
    );
  }

  /** `at` is a time of the clock that never goes back; a very long sleep ends before it. */
  #limit(at: number): void {
    const { clock } = this.#parts;
    clock.sleep(at - clock.monotonic(), this.signal).then(
      () => {
        if (clock.monotonic() < at) this.#limit(at);
        else this.fail(new SpirlError('DEADLINE_EXCEEDED', 'Deadline exceeded'));
      },
      () => {},
    );
  }

  /** Decides the call's outcome, once. False: it was decided before. */
  #end(code: status, reason: unknown): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#reason = reason;
    this.#inTime();
    const { observer, clock } = this.#parts;
    observer.handled(this.#rpc.labels, code, (clock.monotonic() - this.#startedAt) / 1000);
    this.#ended?.abort(reason);
    return true;
  }

  #finish(code: status, details: string, reason: unknown): void {
    if (!this.#end(code, reason)) return;
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    this.#trailers = { 'grpc-status': String(code), ...(details !== '' && { 'grpc-message': escaped(details) }) };
    if (stream.headersSent) stream.end();
    else if (code === status.OK) this.#respond().end();
    else {
      stream.respond({ ...RESPONSE, ...this.#trailers }, { endStream: true });
      if (!this.#requested) dismiss(stream);
    }
  }

  #respond(): ServerHttp2Stream {
    this.#stream.respond(RESPONSE, WITH_TRAILERS);
    this.#stream.once('wantTrailers', () => {
      this.#stream.sendTrailers(this.#trailers);
      // Trailers leave with this turn of the event loop; a stream that is closed before sends none.
      if (!this.#requested) setImmediate(dismiss, this.#stream);
    });
    return this.#stream;
  }
}

/** Ends a stream that is no call of a method, with HTTP's status alone. */
export function refuseHttp(stream: ServerHttp2Stream, httpStatus: number): void {
  stream.respond({ ':status': httpStatus }, { endStream: true });
  dismiss(stream);
}

/** Ends a stream of a method that does not exist, in gRPC's words. */
export function refuseUnknown(stream: ServerHttp2Stream, path: string): void {
  const unknown = new SpirlError('UNIMPLEMENTED', `The server does not implement the method ${path}`);
  const { code, details } = wireError(unknown, nothing);
  const trailers = { 'grpc-status': String(code), 'grpc-message': escaped(details) };
  stream.respond({ ...RESPONSE, ...trailers }, { endStream: true });
  dismiss(stream);
}

/** What else the client sends is of no interest; it is told so once the answer is out. */
function dismiss(stream: ServerHttp2Stream): void {
  stream.resume();
  stream.close(constants.NGHTTP2_NO_ERROR);
}

/** Percent-encoding of everything but printable ASCII, as gRPC asks for. */
function escaped(details: string): string {
  return details.replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
}
