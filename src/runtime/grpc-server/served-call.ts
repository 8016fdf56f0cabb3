import type { Clock } from '../clock.js';
import { ConversationInput } from './conversation-input.js';
import type { DeadlineLengths } from '../deadline-lengths.js';
import type { DeadlineQueue } from '../deadline-queue.js';
import { ENDED } from '../ended.js';
import { SpirlError } from '../errors.js';
import { wireError, type OnUnexpected } from '../wire-error.js';
import { status } from '../grpc-code.js';
import { MESSAGE_ENCODINGS, MessageReader } from '../grpc-frame.js';
import { timeoutMs } from '../grpc-timeout.js';
import { headerBlock } from '../http2/header-block.js';
import type { HeaderFields } from '../http2/request-headers.js';
import type { Http2Stream, StreamReceiver } from '../http2/stream.js';
import type { RpcCall, RpcMethod } from '../rpc-method.js';
import type { RpcLabels, RpcObserver } from '../rpc-observer.js';

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
  /** How long callers wait. */
  readonly deadlines: DeadlineLengths;
  readonly clock: Clock;
  readonly observer: RpcObserver;
  readonly onUnexpected: OnUnexpected;
  /** A call has ended, whatever ended it. */
  closed(call: ServedCall): void;
}

const RESPONSE = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-accept-encoding', MESSAGE_ENCODINGS],
] as const;
const RESPONSE_BLOCK = headerBlock(RESPONSE);
const OK_BLOCK = headerBlock([['grpc-status', String(status.OK)]]);

const nothing = (): void => {};

/** One gRPC call on an HTTP/2 stream, from its headers to its trailers. */
export class ServedCall implements RpcCall, StreamReceiver {
  readonly peer: object;
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
  #input: ConversationInput | undefined;

  constructor(stream: Http2Stream, rpc: ServedRpc, peer: object, parts: CallParts) {
    this.peer = peer;
    this.#stream = stream;
    this.#rpc = rpc;
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
    stream.receiver = this;
    parts.observer.started(rpc.labels);
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
    } else if (stream.answering) {
      stream.end(headerBlock(trailers(code, details)));
    } else {
      stream.end(headerBlock([...RESPONSE, ...trailers(code, details)]));
    }
  }
}

/** Answers what is no call of a method, with HTTP's status alone. */
export function refuseHttp(stream: Http2Stream, httpStatus: number): void {
  stream.end(headerBlock([[':status', String(httpStatus)]]));
}

/** Of a path that a refusal repeats, in characters: the answer to a short request is a short one. */
const MAX_PATH = 256;

/** Answers a call of a method that does not exist, in gRPC's words. */
export function refuseUnknown(stream: Http2Stream, path: string): void {
  const unknown = new SpirlError(
    'UNIMPLEMENTED',
    `The server does not implement the method ${path.slice(0, MAX_PATH)}`,
  );
  const { code, details } = wireError(unknown, nothing);
  stream.end(headerBlock([...RESPONSE, ...trailers(code, details)]));
}

type Field = readonly [name: string, value: string];

function trailers(code: status, details: string): Field[] {
  const sent: Field[] = [['grpc-status', String(code)]];
  if (details !== '') sent.push(['grpc-message', escaped(details)]);
  return sent;
}

/** Of a status message, percent-encoded: with it the trailers fit into one frame, and into the header list that clients accept. */
const MAX_MESSAGE_BYTES = 8_192;

/** Percent-encoding of everything but printable ASCII, as gRPC asks for. */
function escaped(details: string): string {
  const text = details.replace(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
  if (text.length <= MAX_MESSAGE_BYTES) return text;
  const part = details.slice(0, details.length * (MAX_MESSAGE_BYTES / text.length) - 1);
  // A cut through a surrogate pair leaves a half, which cannot be encoded.
  return escaped(part.replace(/\p{Surrogate}/gu, ''));
}
