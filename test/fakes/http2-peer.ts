import { connect, type Socket } from 'node:net';
import { HpackDecoder } from '../../src/runtime/http2/hpack-decoder.js';
import { frame, PREFACE, SETTINGS, SETTINGS_ACK, type Frame } from '../workload-api/raw-http2.js';

/** What a peer saw of one stream. */
export interface SeenStream {
  /** Fields of the response, then of the trailers. */
  readonly headers: (readonly [string, string])[][];
  readonly data: Buffer[];
  ended: boolean;
  /** Code of RST_STREAM. */
  reset: number | undefined;
}

/** Code of GOAWAY, `open`, or `closed` for a connection that ended without one. */
export type Fate = number | 'open' | 'closed';

/** A client of HTTP/2 that sends any bytes, and reads frames only, sometimes not even these. */
export class Http2Peer {
  readonly socket: Socket;
  readonly streams = new Map<number, SeenStream>();
  /** Frames of the connection itself, acknowledgements included. */
  readonly frames: Frame[] = [];
  /** WINDOW_UPDATE frames of streams. */
  readonly windows: Frame[] = [];
  fate: Fate = 'open';
  /** Length of the longest frame. */
  largest = 0;
  readonly #hpack = new HpackDecoder();
  #rest: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];
  #pings = 0;
  #gone = false;
  #block: Buffer[] = [];
  #blockEnds = false;

  /** `at` is a port of this host or the path of a Unix socket. */
  constructor(at: number | string, { allowHalfOpen = false } = {}) {
    this.socket =
      typeof at === 'number'
        ? connect({ port: at, host: '127.0.0.1', allowHalfOpen })
        : connect({ path: at, allowHalfOpen });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => this.#read(chunk));
    this.socket.on('close', () => {
      this.#gone = true;
      if (this.fate === 'open') this.fate = 'closed';
      this.#wake();
    });
  }

  /** One that has said its preface and acknowledges the server's settings. */
  static greeted(at: number | string, settings: Buffer = SETTINGS): Http2Peer {
    const peer = new Http2Peer(at);
    peer.send(PREFACE, settings, SETTINGS_ACK);
    return peer;
  }

  send(...parts: readonly Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(parts));
  }

  /** Resolves when everything sent so far has been dealt with: an answer to a ping is there (true) or the connection is not (false). */
  async answers(): Promise<boolean> {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(0xbeef0000 + this.#pings++);
    this.send(frame(6, 0, 0, payload));
    await this.until(() =>
      this.frames.some(({ type, flags, payload: got }) => type === 6 && flags === 1 && got.equals(payload)),
    );
    return !this.#gone && this.fate === 'open';
  }

  /** Resolves when `holds` does, or when the connection has closed. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.#gone) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** How the connection ended; waits for that. */
  async end(): Promise<Fate> {
    await this.until(() => false);
    return this.fate;
  }

  stream(id: number): SeenStream {
    let seen = this.streams.get(id);
    if (seen === undefined) {
      seen = { headers: [], data: [], ended: false, reset: undefined };
      this.streams.set(id, seen);
    }
    return seen;
  }

  /** Waits until the stream is over for the server: its last frame has come, or a reset. */
  async over(id: number): Promise<SeenStream> {
    const seen = this.stream(id);
    await this.until(() => seen.ended || seen.reset !== undefined);
    return seen;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      this.#frame({
        ...{ type: rest.readUInt8(3), flags: rest.readUInt8(4), stream: rest.readUInt32BE(5) },
        payload: rest.subarray(9, end),
      });
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    this.#wake();
  }

  #frame(got: Frame): void {
    const { type, flags, stream, payload } = got;
    this.largest = Math.max(this.largest, payload.length);
    if (stream === 0) this.frames.push(got);
    else if (type === 8) this.windows.push(got);
    if (type === 7 && this.fate === 'open') this.fate = payload.readUInt32BE(4);
    if (type === 3) this.stream(stream).reset = payload.readUInt32BE(0);
    if (type === 0) this.stream(stream).data.push(payload);
    if (type === 0 && (flags & 1) !== 0) this.stream(stream).ended = true;
    if (type === 1) this.#blockEnds = (flags & 1) !== 0;
    if (type === 1 || type === 9) this.#block.push(payload);
    if ((type === 1 || type === 9) && (flags & 4) !== 0) this.#fields(stream);
  }

  #fields(id: number): void {
    const fields: [string, string][] = [];
    this.#hpack.decode(Buffer.concat(this.#block), (name, value) => void fields.push([name, value]));
    this.#block = [];
    this.stream(id).headers.push(fields);
    if (this.#blockEnds) this.stream(id).ended = true;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
