import { repairAuthority } from './hpack-authority.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME_HEADER = 9;
/** RFC 9113, 4.2: no larger frame may come before our SETTINGS have said otherwise, and they do not. */
const MAX_FRAME = 16_384;
/** More than a client sends up to its first request; what is longer is handed over as it is. */
const MAX_BYTES = 64 * 1024;
/** Pings answered here; a client that sends more before its first request wants none. */
const MAX_PINGS = 16;
const HEADERS = 1;
const SETTINGS = 4;
const PING = 6;
const CONTINUATION = 9;
const ACK = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;
const MAX_CONCURRENT_STREAMS = 3;

/** `repair`: a raw path as `:authority` (grpc-java) is made acceptable. `as-is`: such requests are reset by the HTTP/2 library. */
export type AuthorityHandling = 'repair' | 'as-is';

/** What to do after some more bytes: `send` first, then wait for more, hand the connection over, or close it. */
export interface OpeningStep {
  readonly send: readonly Buffer[];
  readonly next: 'wait' | 'hand-over' | 'close';
}

/**
 * The first bytes of an HTTP/2 connection, held back until the first request is complete, with its `:authority` made
 * acceptable to HTTP/2 libraries that refuse a raw path there. A client that waits for our SETTINGS before it sends a request
 * gets a SETTINGS frame, and its one ACK to that is taken out again, so that the library sees a conversation in which its own
 * SETTINGS were the first. That frame has the limit of streams: a client would begin any number of calls before it reads the
 * library's, and those above the limit would be refused.
 */
export class Http2Opening {
  readonly #authority: AuthorityHandling;
  readonly #streams: number;
  #bytes: Buffer = Buffer.alloc(0);
  /** Frames before this are complete and have been looked at. */
  #seen = PREFACE.length;
  #settings = false;
  #greeted = false;
  #acknowledged = false;
  #requested = false;
  #pings = 0;
  /** Offset and length of each part of the header block under way. */
  #fragments: { readonly at: number; readonly length: number }[] = [];

  /** With `as-is` it ends with the preface. `streams` is how many a client may have at a time. */
  constructor(authority: AuthorityHandling, streams: number) {
    this.#authority = authority;
    this.#streams = streams;
  }

  /** What has to be given to the HTTP/2 library. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Whether the preface is complete and no answer to a frame of ours is still to come. */
  get canHandOver(): boolean {
    return this.#bytes.length >= PREFACE.length && (!this.#greeted || this.#acknowledged);
  }

  push(chunk: Buffer): OpeningStep {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const known = Math.min(this.#bytes.length, PREFACE.length);
    if (this.#bytes.compare(PREFACE, 0, known, 0, known) !== 0) return { send: [], next: 'close' };
    if (this.#authority === 'as-is') return { send: [], next: this.canHandOver ? 'hand-over' : 'wait' };
    const send: Buffer[] = [];
    const plausible = this.#walk(send);
    if (this.canHandOver && (this.#requested || !plausible)) return { send, next: 'hand-over' };
    if (!plausible || this.#bytes.length > MAX_BYTES) return { send, next: this.canHandOver ? 'hand-over' : 'close' };
    if (this.#settings && !this.#greeted && !this.#requested) {
      this.#greeted = true;
      send.push(settings(this.#streams));
    }
    return { send, next: 'wait' };
  }

  /** Looks at each complete frame once. False when a frame makes no sense. */
  #walk(send: Buffer[]): boolean {
    while (this.#bytes.length >= this.#seen + FRAME_HEADER && !this.#requested) {
      const length = this.#bytes.readUIntBE(this.#seen, 3);
      if (length > MAX_FRAME) return false;
      const end = this.#seen + FRAME_HEADER + length;
      if (this.#bytes.length < end) return true;
      if (!this.#frame(this.#bytes.subarray(this.#seen, end), send)) return false;
    }
    // After the request only the ACK is still of interest.
    if (this.#requested && this.#greeted && !this.#acknowledged) return this.#walkToAck();
    return true;
  }

  #walkToAck(): boolean {
    while (this.#bytes.length >= this.#seen + FRAME_HEADER && !this.#acknowledged) {
      const end = this.#seen + FRAME_HEADER + this.#bytes.readUIntBE(this.#seen, 3);
      if (this.#bytes.length < end) return true;
      if (!this.#takeAck(this.#bytes.subarray(this.#seen, end))) this.#seen = end;
    }
    return true;
  }

  /** Looks at one frame; false when it cannot follow what came before. */
  #frame(frame: Buffer, send: Buffer[]): boolean {
    const type = frame.readUInt8(3);
    const flags = frame.readUInt8(4);
    if (this.#fragments.length > 0 && type !== CONTINUATION) return false;
    if (this.#takeAck(frame)) return true;
    if (type === PING && (flags & ACK) === 0 && this.#greeted && this.#pings < MAX_PINGS) {
      this.#pings += 1;
      const pong = Buffer.from(frame);
      pong.writeUInt8(ACK, 4);
      send.push(pong);
      this.#remove(frame.length);
      return true;
    }
    if (type === SETTINGS) this.#settings = true;
    if (type === HEADERS || type === CONTINUATION) {
      if (!this.#collect(frame, type, flags)) return false;
      if ((flags & END_HEADERS) !== 0) this.#repair();
    }
    this.#seen += frame.length;
    return true;
  }

  /** Takes the ACK to our SETTINGS out. */
  #takeAck(frame: Buffer): boolean {
    const ours = this.#greeted && !this.#acknowledged;
    if (!ours || frame.readUInt8(3) !== SETTINGS || (frame.readUInt8(4) & ACK) === 0) return false;
    this.#acknowledged = true;
    this.#remove(frame.length);
    return true;
  }

  #remove(length: number): void {
    const rest = this.#bytes.subarray(this.#seen + length);
    this.#bytes = Buffer.concat([this.#bytes.subarray(0, this.#seen), rest]);
  }

  #collect(frame: Buffer, type: number, flags: number): boolean {
    let from = FRAME_HEADER;
    let to = frame.length;
    if (type === HEADERS) {
      if ((flags & PADDED) !== 0) to -= frame[from++] ?? 0;
      if ((flags & PRIORITY) !== 0) from += 5;
    } else if (this.#fragments.length === 0) {
      return false;
    }
    if (from > to) return false;
    this.#fragments.push({ at: this.#seen + from, length: to - from });
    return true;
  }

  #repair(): void {
    const parts = this.#fragments.map(({ at, length }) => this.#bytes.subarray(at, at + length));
    const block = Buffer.concat(parts);
    repairAuthority(block);
    let from = 0;
    for (const part of parts) from += block.copy(part, 0, from, from + part.length);
    this.#requested = true;
  }
}

/** A SETTINGS frame with nothing but the limit of streams. */
function settings(streams: number): Buffer {
  const frame = Buffer.from([0, 0, 6, SETTINGS, 0, 0, 0, 0, 0, 0, MAX_CONCURRENT_STREAMS, 0, 0, 0, 0]);
  frame.writeUInt32BE(streams, FRAME_HEADER + 2);
  return frame;
}
