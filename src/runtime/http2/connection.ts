import type { Socket } from 'node:net';
import { FloodGuards, type Guards } from './flood-guards.js';
import { FrameReader, type FrameSink } from './frame-reader.js';
import { ConnectionError, ErrorCode, Flag, frame, FrameType, goawayFrame, resetFrame, windowFrame } from './frame.js';
import { EMPTY_TABLE } from './header-block.js';
import { HeaderBlocks, type HeaderBlock } from './header-blocks.js';
import { DEFAULT_TABLE_BYTES } from './hpack-decoder.js';
import { Outbound } from './outbound.js';
import { requireLength, requireOwnParent, uint31, unpadded, violation } from './payload.js';
import { readSettings } from './peer-settings.js';
import type { HeaderFields, RequestHeaders } from './request-headers.js';
import { Http2Stream, type StreamOwner } from './stream.js';
import { StreamTable } from './stream-table.js';
import type { WriteTurn } from './write-turn.js';

/** What the connections of a server share. */
export interface ConnectionParts {
  /** Streams at a time; those above it are refused. */
  readonly streams: number;
  /** What a client may send ahead, in bytes. */
  readonly windows: { readonly connection: number; readonly stream: number };
  /** What we say first: our SETTINGS, and what the connection's window has more than the default. */
  readonly greeting: Buffer;
  readonly turn: WriteTurn;
  onUnexpected(error: unknown): void;
  /** Each connection has its own. */
  readonly guards: () => Guards;
}

export interface ConnectionEvents {
  /** The client has begun as one of HTTP/2. */
  opened(): void;
  /** A stream begins, and there was none. */
  used(): void;
  /** A well-formed request. Without a receiver nobody hears of its body. */
  request(stream: Http2Stream, headers: HeaderFields): void;
  /** The last of the open streams has ended. */
  unused(): void;
  /** The client has answered a ping. */
  ponged(): void;
  /** Everything is said; the client is waited for to close its end. */
  closing(): void;
  /** The socket is closed, and with it every stream. Told once. */
  closed(): void;
}

const SETTINGS_ACK = frame(FrameType.SETTINGS, Flag.ACK, 0, Buffer.alloc(0));
const PING = frame(FrameType.PING, 0, 0, Buffer.alloc(8));
/** 431 Request Header Fields Too Large, as a literal `:status`. */
const TOO_LARGE = Buffer.from('\x08\x03431', 'latin1');

/** The server's side of an HTTP/2 connection (RFC 9113): frames in, streams and their answers out. */
export class Http2Connection implements FrameSink, StreamOwner {
  readonly outbound: Outbound;
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  readonly #events: ConnectionEvents;
  readonly #reader = new FrameReader();
  readonly #blocks = new HeaderBlocks();
  readonly #streams = new StreamTable();
  readonly #floods: FloodGuards;
  #greeted = false;
  /** We take no new streams. */
  #leaving = false;
  /** The client has said goodbye: when the last stream ends, nobody needs the connection. */
  #unneeded = false;
  #over = false;
  /** Bytes of data that came since the connection's window was last widened. */
  #received = 0;
  #tableShrunk = false;
  #reads = 0;

  /** Takes the socket over; its errors are listened to by its owner. */
  constructor(socket: Socket, parts: ConnectionParts, events: ConnectionEvents) {
    this.#socket = socket;
    this.#parts = parts;
    this.#events = events;
    this.#floods = new FloodGuards(parts.guards);
    this.outbound = new Outbound(socket, parts.turn);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.once('close', () => this.#ended());
  }

  get reads(): number {
    return this.#reads;
  }

  get streamWindow(): number {
    return this.#parts.windows.stream;
  }

  ping(): void {
    this.outbound.send(PING);
  }

  /** Takes no new streams; closes when the last one has ended. */
  leave(): void {
    if (this.#leaving || this.#over) return;
    // Who has not begun to speak HTTP/2 would not understand.
    if (this.#greeted) this.outbound.send(goawayFrame(this.#streams.newest, ErrorCode.NO_ERROR));
    this.#leaving = true;
    if (this.#streams.size === 0) this.#close();
  }

  frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (!this.#greeted) this.#greet(type, flags);
    if (!this.#blocks.allows(type === FrameType.CONTINUATION, stream)) throw violation('no whole header block');
    switch (type) {
      case FrameType.DATA:
        this.#data(flags, stream, payload);
        break;
      case FrameType.HEADERS:
        if (stream % 2 === 0) throw violation(`HEADERS on stream ${stream}`);
        this.#block(this.#blocks.begin(flags, stream, payload));
        break;
      case FrameType.CONTINUATION:
        if (payload.length === 0) this.#floods.cheap();
        this.#block(this.#blocks.continue(flags, payload));
        break;
      case FrameType.RST_STREAM:
        this.#reset(stream, payload);
        break;
      case FrameType.SETTINGS:
        this.#settings(flags, stream, payload);
        break;
      case FrameType.PING:
        this.#ping(flags, stream, payload);
        break;
      case FrameType.GOAWAY:
        this.#goaway(stream, payload);
        break;
      case FrameType.WINDOW_UPDATE:
        this.#widen(stream, payload);
        break;
      case FrameType.PRIORITY:
        if (stream === 0) throw violation('PRIORITY of the connection');
        requireLength(payload, 5, 'PRIORITY');
        requireOwnParent(payload, stream);
        this.#floods.cheap();
        break;
      case FrameType.PUSH_PROMISE:
        throw violation('PUSH_PROMISE from a client');
      default:
        this.#floods.cheap();
    }
  }

  sendHeaders(stream: number, flags: number, block: Buffer): void {
    const whole = this.#tableShrunk ? Buffer.concat([EMPTY_TABLE, block]) : block;
    this.#tableShrunk = false;
    this.outbound.send(frame(FrameType.HEADERS, flags | Flag.END_HEADERS, stream, whole));
  }

  sendReset(stream: number, code: ErrorCode): void {
    this.outbound.send(resetFrame(stream, code));
    this.#streams.dismiss(stream);
  }

  /** Counted like what a client cancels by itself: provoked or not, work was begun and is for nothing. */
  refuse(stream: Http2Stream, code: ErrorCode): void {
    this.#floods.costly();
    stream.reset(code);
  }

  closed(stream: Http2Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0 || this.#over) return;
    if (this.#leaving || this.#unneeded) this.#close();
    else this.#events.unused();
  }

  #read(chunk: Buffer): void {
    this.#reads += 1;
    try {
      this.#reader.push(chunk, this);
    } catch (error) {
      if (error instanceof ConnectionError) {
        this.#fail(error.code);
      } else {
        // A mistake of ours costs one client its connection, and nobody else anything.
        this.#socket.destroy();
        this.#parts.onUnexpected(error);
      }
    }
  }

  /** The client's first frame is a SETTINGS frame; ours is then the first that it gets. */
  #greet(type: number, flags: number): void {
    if (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0) throw violation('the first frame is not SETTINGS');
    this.#greeted = true;
    this.outbound.send(this.#parts.greeting);
    this.#events.opened();
  }

  #data(flags: number, id: number, payload: Buffer): void {
    this.#received += payload.length;
    const { connection } = this.#parts.windows;
    if (this.#received > connection)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window of the connection');
    const data = unpadded(flags, payload);
    const ends = (flags & Flag.END_STREAM) !== 0;
    if (data.length === 0 && !ends) this.#floods.cheap();
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.#streams.requireBegun(id, 'DATA');
      if (!this.#streams.isDismissed(id)) this.sendReset(id, ErrorCode.STREAM_CLOSED);
    } else if (stream.requested) {
      this.refuse(stream, ErrorCode.STREAM_CLOSED);
    } else {
      stream.receive(data, payload.length);
      if (ends) stream.receiveEnd();
    }
    // Given back whether or not the stream's receiver has taken it, so that a slow one holds up no other.
    if (this.#received < connection / 2) return;
    this.outbound.send(windowFrame(0, this.#received));
    this.#received = 0;
  }

  /** A request, its trailers, or what nobody waits for. */
  #block(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    const { stream: id, endStream } = block;
    const stream = this.#streams.get(id);
    const headers = this.#blocks.decode(block, stream !== undefined);
    if (stream !== undefined) {
      if (stream.requested) this.refuse(stream, ErrorCode.STREAM_CLOSED);
      else if (!endStream || headers.malformed) this.refuse(stream, ErrorCode.PROTOCOL_ERROR);
      else stream.receiveEnd();
    } else if (this.#streams.begins(id) && !this.#leaving) {
      // Those that come after GOAWAY are nobody's: the client knows that it has to begin them elsewhere.
      this.#open(id, endStream, headers);
    }
  }

  #open(id: number, endStream: boolean, headers: RequestHeaders): void {
    const full = this.#streams.size >= this.#parts.streams;
    if (full || headers.malformed) {
      this.#floods.costly();
      this.sendReset(id, full ? ErrorCode.REFUSED_STREAM : ErrorCode.PROTOCOL_ERROR);
      return;
    }
    this.#floods.request();
    const stream = new Http2Stream(id, this, headers.contentLength, endStream);
    this.#streams.add(stream);
    if (this.#streams.size === 1) this.#events.used();
    if (headers.tooLarge) stream.end(TOO_LARGE);
    else this.#events.request(stream, headers.fields);
    if (endStream) stream.receiveEnd();
  }

  #reset(id: number, payload: Buffer): void {
    requireLength(payload, 4, 'RST_STREAM');
    this.#streams.requireBegun(id, 'RST_STREAM');
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.#floods.cheap();
    } else {
      // Who has what it wanted leaves: a fetch of an SVID is the first message of a stream that would go on for ever.
      if (!stream.answered) this.#floods.costly();
      stream.close();
    }
  }

  #settings(flags: number, stream: number, payload: Buffer): void {
    if (stream !== 0) throw violation('SETTINGS of a stream');
    if ((flags & Flag.ACK) !== 0) {
      requireLength(payload, 0, 'ACK of SETTINGS');
      return;
    }
    this.#floods.cheap();
    const { streamWindow, headerTableBytes } = readSettings(payload);
    if (headerTableBytes !== undefined && headerTableBytes < DEFAULT_TABLE_BYTES) this.#tableShrunk = true;
    this.outbound.send(SETTINGS_ACK);
    if (streamWindow === undefined) return;
    const more = streamWindow - this.outbound.streamWindow;
    this.outbound.streamWindow = streamWindow;
    for (const open of this.#streams.all()) {
      if (!open.widen(more)) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'INITIAL_WINDOW_SIZE');
    }
  }

  #ping(flags: number, stream: number, payload: Buffer): void {
    if (stream !== 0) throw violation('PING of a stream');
    requireLength(payload, 8, 'PING');
    if ((flags & Flag.ACK) !== 0) {
      this.#events.ponged();
      return;
    }
    this.#floods.cheap();
    this.outbound.send(frame(FrameType.PING, Flag.ACK, 0, payload));
  }

  #goaway(stream: number, payload: Buffer): void {
    if (stream !== 0) throw violation('GOAWAY of a stream');
    if (payload.length < 8) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'GOAWAY');
    // It takes no streams of ours, and there are none; those that it still begins are served (RFC 9113, 6.8).
    this.#unneeded = true;
    if (this.#streams.size === 0) this.#close();
  }

  #widen(id: number, payload: Buffer): void {
    requireLength(payload, 4, 'WINDOW_UPDATE');
    const bytes = uint31(payload);
    this.#floods.cheap();
    if (id === 0) {
      if (bytes === 0) throw violation('WINDOW_UPDATE of nothing');
      this.outbound.widen(bytes);
      return;
    }
    this.#streams.requireBegun(id, 'WINDOW_UPDATE');
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (bytes === 0) this.refuse(stream, ErrorCode.PROTOCOL_ERROR);
    else if (!stream.widen(bytes)) this.refuse(stream, ErrorCode.FLOW_CONTROL_ERROR);
  }

  #fail(code: ErrorCode): void {
    if (this.#over) return;
    this.outbound.send(goawayFrame(this.#streams.newest, code));
    this.#close();
    this.#closeStreams();
  }

  /** Says what is left to say and ends; what the client still sends is not looked at. */
  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader.stop();
    this.outbound.flush();
    this.#socket.end();
    this.#events.closing();
  }

  #ended(): void {
    this.#over = true;
    this.#reader.stop();
    this.#closeStreams();
    this.#events.closed();
  }

  #closeStreams(): void {
    for (const stream of this.#streams.all()) stream.close();
  }
}
