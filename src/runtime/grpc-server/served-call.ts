import type { Clock } from '../clock.js';
import { failureBlock, OK_BLOCK, RESPONSE_BLOCK } from './answer-blocks.js';
import { ConversationInput } from './conversation-input.js';
import type { DeadlineLengths } from '../deadline-lengths.js';
import type { DeadlineQueue } from '../deadline-queue.js';
import { ENDED } from '../ended.js';
import { SpirlError } from '../errors.js';
import { wireError, type OnUnexpected } from '../wire-error.js';
import { status } from '../grpc-code.js';
import { MessageReader } from '../grpc-frame.js';
import { timeoutMs } from '../grpc-timeout.js';
import type { HeaderFields } from '../http2/request-headers.js';
import type { Http2Stream, StreamReceiver } from '../http2/stream.js';
import type { RpcCall, RpcMethod } from '../rpc-method.js';
import type { RpcLabels, RpcObserver } from '../rpc-observer.js';

/** A method with its labels. */
export interface ServedRpc {
  readonly labels: RpcLabels;
  readonly method: RpcMethod;
}

/** What the calls of one connection share. */
export interface CallConnection {
  /** Who is at the other end. */
  readonly peer: object;
  /** Bytes of requests that are not complete yet. */
  collected: number;
}

/** What all calls of a server share. */
export interface CallParts {
  /** Longest request; those of one connection that are not complete take at most twice as much. */
  readonly maxRequestBytes: number;
  /** How long a call with one request may take to send it. */
  readonly requests: DeadlineQueue;
  /** How long callers wait. */
  readonly deadlines: DeadlineLengths;
  readonly clock: Clock;
  readonly observer: RpcObserver;
  readonly onUnexpected: OnUnexpected;
  /** A call has ended, whatever ended it. */
  closed(call: ServedCall): void;
}

const nothing = (): void => {};

/** One gRPC call on an HTTP/2 stream, from its headers to its trailers. */
export class ServedCall implements RpcCall, StreamReceiver {
  readonly #connection: CallConnection;
  readonly #stream: Http2Stream;
  readonly #rpc: ServedRpc;
  readonly #parts: CallParts;
  readonly #startedAt: number;
  #giveBack: () => void = nothing;
  #ended: AbortController | undefined;
  #reason: unknown;
  #over = false;
  /** Takes back the limit for the request, and that which the caller has set. */
  #inTime = nothing;
  #inDeadline = nothing;
  #deadline = Infinity;
  #reader: MessageReader | undefined;
  #request: Buffer | undefined;
  /** What of its request counts as `collected`. */
  #collected = 0;
  #input: ConversationInput | undefined;

  constructor(stream: Http2Stream, rpc: ServedRpc, connection: CallConnection, parts: CallParts) {
    this.#connection = connection;
    this.#stream = stream;
    this.#rpc = rpc;
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    stream.receiver = this;
    parts.observer.started(rpc.labels);
  }

  get peer(): object {
    return this.#connection.peer;
  }

  get isGone(): boolean {
    return this.#over;
  }

  get deadline(): number {
    return this.#deadline;
  }

  get signal(): AbortSignal {
    if (this.#ended === undefined) {
      this.#ended = new AbortController();
      if (this.#over) this.#ended.abort(this.#reason);
    }
    return this.#ended.signal;
  }

  /** Begins to serve it; `giveBack` is called when nothing of it is left. */
  begin(headers: HeaderFields, giveBack: () => void): void {
    this.#giveBack = giveBack;
    const { maxRequestBytes, requests } = this.#parts;
    const { method, labels } = this.#rpc;
    const talks = method.type === 'bidi_stream';
    const maxBytes = talks ? (method.maxRequestBytes ?? maxRequestBytes) : maxRequestBytes;
    const reader = new MessageReader({ maxBytes, encoding: headers['grpc-encoding'] });
    this.#limit(timeoutMs(headers['grpc-timeout']));
    if (talks) {
      this.#input = new ConversationInput(reader, method.open(this), {
        received: () => this.#parts.observer.received(labels),
        consumed: (bytes) => this.#stream.consumed(bytes),
        failed: (error) => this.fail(error),
      });
    } else {
      this.#reader = reader;
      this.#inTime = requests.start(() =>
        this.fail(new SpirlError('DEADLINE_EXCEEDED', 'no complete request came in time')),
      );
    }
  }

  send(frame: Buffer, taken?: () => void): void {
    if (this.#over || this.#stream.isClosed) return;
    this.#parts.observer.sent(this.#rpc.labels);
    this.#stream.respond(RESPONSE_BLOCK);
    this.#stream.write(frame, taken);
  }

  end(): void {
    this.#finish(status.OK, '', ENDED);
  }

  fail(error: unknown): void {
    if (this.#over) return;
    const { code, details } = wireError(error, this.#parts.onUnexpected);
    this.#finish(code, details, error);
  }

  data(chunk: Buffer): void {
    if (this.#input !== undefined) {
      this.#input.push(chunk);
      return;
    }
    this.#stream.consumed(chunk.length);
    if (this.#over) return;
    try {
      this.#collect(chunk.length);
      this.#read(chunk);
    } catch (error) {
      this.fail(error);
    }
  }

  requestEnd(): void {
    if (this.#input !== undefined) {
      this.#input.end();
      return;
    }
    const { method } = this.#rpc;
    const [request, reader] = [this.#request, this.#reader];
    // A stream may live for months: what was for its request goes.
    this.#request = this.#reader = undefined;
    this.#giveUp();
    this.#inTime();
    this.#inTime = nothing;
    if (this.#over || method.type === 'bidi_stream') return;
    if (request === undefined || reader === undefined || reader.inside) {
      this.fail(new SpirlError('UNIMPLEMENTED', 'request: one message is expected, got none'));
    } else {
      this.#serve(request, method);
    }
  }

  closed(): void {
    this.#end(status.CANCELLED, ENDED);
    this.#parts.closed(this);
    this.#giveBack();
  }

  /** So much more of the request has come. Throws when that is too much for one connection. */
  #collect(bytes: number): void {
    this.#collected += bytes;
    this.#connection.collected += bytes;
    const most = 2 * this.#parts.maxRequestBytes;
    if (this.#connection.collected > most) {
      throw new SpirlError('LIMIT_REACHED', `requests of this connection: at most ${most} bytes that are not complete`);
    }
  }

  /** Nothing more is collected for its request. */
  #giveUp(): void {
    this.#connection.collected -= this.#collected;
    this.#collected = 0;
  }

  /** The one message of the request, as far as it has come. */
  #read(chunk: Buffer): void {
    for (const message of this.#reader?.messages(chunk) ?? []) {
      if (this.#request !== undefined) {
        throw new SpirlError('UNIMPLEMENTED', 'request: one message is expected, got two');
      }
      this.#parts.observer.received(this.#rpc.labels);
      this.#request = message;
    }
  }

  #serve(request: Buffer, method: Exclude<RpcMethod, { type: 'bidi_stream' }>): void {
    if (method.type === 'server_stream') {
      method.serve(request, this).then(
        () => this.end(),
        (error: unknown) => this.fail(error),
      );
      return;
    }
    method.serve(request, this).then(
      (frame) => {
        this.send(frame);
        this.end();
      },
      (error: unknown) => this.fail(error),
    );
  }

  #limit(ms: number | undefined): void {
    if (ms === undefined) return;
    this.#deadline = this.#parts.clock.now() + ms;
    this.#inDeadline = this.#parts.deadlines.start(ms, () =>
      this.fail(new SpirlError('DEADLINE_EXCEEDED', 'Deadline exceeded')),
    );
  }

  /** Decides the call's outcome, once. False: it was decided before. */
  #end(code: status, reason: unknown): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#reason = reason;
    this.#giveUp();
    this.#inTime();
    this.#inDeadline();
    const { observer, clock } = this.#parts;
    observer.handled(this.#rpc.labels, code, (clock.monotonic() - this.#startedAt) / 1000);
    this.#ended?.abort(reason);
    this.#input?.over();
    return true;
  }

  #finish(code: status, details: string, reason: unknown): void {
    if (!this.#end(code, reason)) return;
    const stream = this.#stream;
    if (code === status.OK) {
      stream.respond(RESPONSE_BLOCK);
      stream.end(OK_BLOCK);
    } else {
      stream.end(failureBlock(stream.answering, code, details));
    }
  }
}
