import type { Socket } from 'node:net';
import {
  ConnectionError,
  DEFAULT_WINDOW,
  ErrorCode,
  frameHeader,
  FrameType,
  MAX_FRAME_BYTES,
  MAX_WINDOW,
} from './frame.js';
import type { WriteTurn, Writer } from './write-turn.js';

/** A stream's data waits above this; what is smaller may wait in the socket. */
const FULL_BYTES = 64 * 1024;
/** What may wait for a client that does not read, answers to its own frames included; above it the connection is closed. */
const MAX_UNSENT_BYTES = 256 * 1024;

/** Something with data to send, of which each turn takes a part. */
export interface DataSource {
  /** Sends as much as the windows and the connection allow; false: there is more. */
  pump(): boolean;
}

/** What a connection sends: frames of one turn of the event loop in one write, and data as fast as the client takes it. */
export class Outbound implements Writer {
  readonly #socket: Socket;
  readonly #turn: WriteTurn;
  #frames: Buffer[] = [];
  #frameBytes = 0;
  #taken: (() => void)[] = [];
  #scheduled = false;
  #waiting: Set<DataSource> | undefined;
  #window = DEFAULT_WINDOW;
  /** The window that a new stream begins with. */
  streamWindow = DEFAULT_WINDOW;

  constructor(socket: Socket, turn: WriteTurn) {
    this.#socket = socket;
    this.#turn = turn;
  }

  /** Sends a frame, or any part of one, after those before it. */
  send(frame: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
    // One read may hold thousands of small requests, and each may have a large answer.
    if (this.#frameBytes > MAX_UNSENT_BYTES) this.#write();
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#turn.add(this);
  }

  /** How many bytes of data a stream with room for `window` may send now. */
  room(window: number): number {
    if (this.#frameBytes + this.#socket.writableLength >= FULL_BYTES) return 0;
    return Math.min(this.#window, window, MAX_FRAME_BYTES);
  }

  /** Sends data, of which there is `room`. */
  data(stream: number, flags: number, bytes: Buffer): void {
    this.#window -= bytes.length;
    this.send(frameHeader(bytes.length, FrameType.DATA, flags, stream));
    this.send(bytes);
  }

  /** Calls `taken` once the kernel has what was sent up to now. */
  whenTaken(taken: () => void): void {
    this.#taken.push(taken);
  }

  /** Asks `source` to go on when there is room again. */
  wait(source: DataSource): void {
    if (this.#waiting === undefined) {
      this.#waiting = new Set();
      this.#socket.on('drain', () => this.#pumpAll());
    }
    this.#waiting.add(source);
  }

  forget(source: DataSource): void {
    this.#waiting?.delete(source);
  }

  /** The client has room for `bytes` more on the connection. */
  widen(bytes: number): void {
    this.#window += bytes;
    if (this.#window > MAX_WINDOW) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window of the connection');
    this.#pumpAll();
  }

  /** Writes what has been sent, and then what there is room for. */
  flush(): void {
    this.#scheduled = false;
    this.#write();
    // What waited for this turn's write to leave; a socket that has taken all of it does not say so.
    if (!this.#socket.destroyed && this.#socket.writableLength < FULL_BYTES) this.#pumpAll();
  }

  /** The socket is closed when its client lets too much wait. */
  #write(): void {
    const [frames, taken] = [this.#frames, this.#taken];
    if (frames.length === 0 || this.#socket.destroyed) return;
    [this.#frames, this.#frameBytes] = [[], 0];
    const bytes = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
    if (taken.length === 0) {
      this.#socket.write(bytes);
    } else {
      this.#taken = [];
      this.#socket.write(bytes, () => {
        for (const each of taken) each();
      });
    }
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.#socket.destroy();
  }

  /** Who had the most of this turn's room comes last in the next one. */
  #pumpAll(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.size === 0) return;
    for (const source of [...waiting]) {
      if (this.room(MAX_WINDOW) <= 0) return;
      waiting.delete(source);
      if (!source.pump()) waiting.add(source);
    }
  }
}
