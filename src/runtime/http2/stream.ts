import { ConnectionError, ErrorCode, Flag, MAX_WINDOW, windowFrame } from './frame.js';
import type { DataSource, Outbound } from './outbound.js';

/** Who answers a request. */
export interface StreamReceiver {
  /** A part of the request's body; the client may send as much again once it is said to be `consumed`. */
  data(chunk: Buffer): void;
  /** The request is complete. */
  requestEnd(): void;
  /** Nothing more comes or goes. Told once. */
  closed(): void;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly outbound: Outbound;
  /** What a client may send ahead on a stream, in bytes. */
  readonly streamWindow: number;
  /** How often something has been read. */
  readonly reads: number;
  sendHeaders(stream: number, flags: number, block: Buffer): void;
  sendReset(stream: number, code: ErrorCode): void;
  /** Resets a stream whose client broke its rules. */
  refuse(stream: Http2Stream, code: ErrorCode): void;
  closed(stream: Http2Stream): void;
}

interface Chunk {
  bytes: Buffer;
  readonly taken: (() => void) | undefined;
}

const NOBODY: StreamReceiver = { data: () => {}, requestEnd: () => {}, closed: () => {} };

/** A request and its answer (RFC 9113, 5.1), from its headers on. */
export class Http2Stream implements DataSource {
  readonly id: number;
  receiver: StreamReceiver = NOBODY;
  readonly #owner: StreamOwner;
  #queue: Chunk[] | undefined;
  #last: Buffer | undefined;
  /** `reads` when the answer began. */
  #answeredAt: number | undefined;
  #requested: boolean;
  #closed = false;
  #sendWindow: number;
  #receiveWindow: number;
  #consumed = 0;
  /** Bytes of the body that are still to come, where the request says how many. */
  #expected: number | undefined;

  /** `requested`: the headers are all that there is of the request. */
  constructor(id: number, owner: StreamOwner, contentLength: number | undefined, requested: boolean) {
    this.id = id;
    this.#owner = owner;
    this.#sendWindow = owner.outbound.streamWindow;
    this.#receiveWindow = owner.streamWindow;
    this.#expected = contentLength;
    this.#requested = requested;
  }

  /** Whether the first headers of the answer have been sent. */
  get answering(): boolean {
    return this.#answeredAt !== undefined;
  }

  /** Whether the client may have seen the beginning of the answer before it sent what is read now. */
  get answered(): boolean {
    return this.#answeredAt !== undefined && this.#answeredAt < this.#owner.reads;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the client may send no more. */
  get requested(): boolean {
    return this.#requested;
  }

  /** Begins the answer. Like all that sends, it does nothing once the stream is closed. */
  respond(block: Buffer): void {
    if (this.#closed || this.answering) return;
    this.#answeredAt = this.#owner.reads;
    this.#owner.sendHeaders(this.id, 0, block);
  }

  /** Sends data after `respond`; `taken` is called when it has left for the client's window. */
  write(bytes: Buffer, taken?: () => void): void {
    if (this.#closed || this.#last !== undefined) return;
    this.#queue ??= [];
    this.#queue.push({ bytes, taken });
    this.#pumpOrWait();
  }

  /** Ends the answer with a header block: its trailers, or all there is of it. What else the client sends is not wanted. */
  end(block: Buffer): void {
    if (this.#closed || this.#last !== undefined) return;
    this.#answeredAt ??= this.#owner.reads;
    this.#last = block;
    this.#pumpOrWait();
  }

  /** Ends the stream without an answer. */
  reset(code: ErrorCode): void {
    if (this.#closed) return;
    this.#owner.sendReset(this.id, code);
    this.close();
  }

  /** `bytes` of what came in `data` are needed no longer. */
  consumed(bytes: number): void {
    this.#consumed += bytes;
    // In large pieces, not byte by byte.
    if (this.#consumed < this.#owner.streamWindow / 2 || this.#requested || this.#closed) return;
    this.#owner.outbound.send(windowFrame(this.id, this.#consumed));
    this.#receiveWindow += this.#consumed;
    this.#consumed = 0;
  }

  pump(): boolean {
    if (this.#closed) return true;
    const { outbound } = this.#owner;
    const queue = this.#queue ?? [];
    for (let chunk = queue[0]; chunk !== undefined; chunk = queue[0]) {
      const room = outbound.room(this.#sendWindow);
      if (room <= 0 && chunk.bytes.length > 0) return false;
      const part = chunk.bytes.length <= room ? chunk.bytes : chunk.bytes.subarray(0, room);
      this.#sendWindow -= part.length;
      outbound.data(this.id, 0, part);
      if (part.length < chunk.bytes.length) {
        chunk.bytes = chunk.bytes.subarray(part.length);
      } else {
        queue.shift();
        if (chunk.taken !== undefined) outbound.whenTaken(chunk.taken);
      }
    }
    if (this.#last !== undefined) this.#end(this.#last);
    return true;
  }

  /** The client has room for `bytes` more, or less when it has changed its mind. False: for more than a window can have. */
  widen(bytes: number): boolean {
    this.#sendWindow += bytes;
    if (this.#sendWindow > MAX_WINDOW) return false;
    if (bytes > 0) this.#pumpOrWait();
    return true;
  }

  /** Data has come. */
  receive(data: Buffer, flowBytes: number): void {
    this.#receiveWindow -= flowBytes;
    if (this.#receiveWindow < 0) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window of a stream');
    // Padding is of no use to anybody.
    if (flowBytes > data.length) this.consumed(flowBytes - data.length);
    if (this.#expected !== undefined) this.#expected -= data.length;
    if (this.#expected !== undefined && this.#expected < 0) this.#owner.refuse(this, ErrorCode.PROTOCOL_ERROR);
    else if (this.receiver === NOBODY) this.consumed(data.length);
    else if (data.length > 0) this.receiver.data(data);
  }

  /** The client has sent everything. */
  receiveEnd(): void {
    if (this.#closed) return;
    if (this.#expected !== undefined && this.#expected > 0) {
      this.#owner.refuse(this, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    this.#requested = true;
    this.receiver.requestEnd();
  }

  /** It is over, whoever ended it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = undefined;
    this.#owner.outbound.forget(this);
    this.#owner.closed(this);
    this.receiver.closed();
  }

  #pumpOrWait(): void {
    if (!this.pump()) this.#owner.outbound.wait(this);
  }

  #end(block: Buffer): void {
    this.#owner.sendHeaders(this.id, Flag.END_STREAM, block);
    if (this.#requested) this.close();
    // A client that still sends is told to stop (RFC 9113, 8.1).
    else this.reset(ErrorCode.NO_ERROR);
  }
}
