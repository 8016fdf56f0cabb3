import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const SETTINGS = frame(4, 0, 0);
export const SETTINGS_ACK = frame(4, 1, 0);

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** HPACK string without Huffman code. */
export function plainString(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest = bytes.length - 127;
  const length = rest < 128 ? [127, rest] : [127, (rest & 0x7f) | 0x80, rest >> 7];
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** Literal with incremental indexing, the name from the static table. */
export function indexedName(name: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x40 | name]), value]);
}

/** Literal with incremental indexing and a new name. */
export function newName(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), plainString(name), plainString(value)]);
}

/** Header block of a Workload API call; `authority` is the field as coded. */
export function requestBlock(authority: Buffer, method = 'FetchX509SVID'): Buffer {
  return Buffer.concat([
    Buffer.from([0x83, 0x86]), // :method POST, :scheme http
    indexedName(4, plainString(`/SpiffeWorkloadAPI/${method}`)),
    authority,
    newName('content-type', 'application/grpc'),
    newName('te', 'trailers'),
    newName('workload.spiffe.io', 'true'),
  ]);
}

/** An empty gRPC message. */
export const EMPTY_MESSAGE = Buffer.alloc(5);

/** What a raw client got, frame by frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A client that speaks frames of its own. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  #rest = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  /** `at` is the path of a Unix socket or a port of this host. */
  constructor(at: string | number) {
    this.socket = typeof at === 'string' ? connect(at) : connect(at, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.#wake());
    this.socket.on('data', (chunk) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      while (this.#rest.length >= 9 && this.#rest.length >= 9 + this.#rest.readUIntBE(0, 3)) {
        const end = 9 + this.#rest.readUIntBE(0, 3);
        const [type, flags] = [this.#rest.readUInt8(3), this.#rest.readUInt8(4)];
        this.frames.push({ type, flags, stream: this.#rest.readUInt32BE(5), payload: this.#rest.subarray(9, end) });
        this.#rest = this.#rest.subarray(end);
      }
      this.#wake();
    });
  }

  send(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** The first frame that `matches`; rejects when the connection closes without one. */
  async wait(matches: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(matches);
      if (found !== undefined) return found;
      if (this.socket.destroyed) throw new Error('closed');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Sends each SETTINGS received from now on its ACK. */
  acknowledge(): void {
    for (const got of this.frames) this.#acknowledged.add(got);
    this.socket.on('data', () => {
      for (const got of this.frames) {
        if (got.type !== 4 || (got.flags & 1) !== 0 || this.#acknowledged.has(got)) continue;
        this.#acknowledged.add(got);
        this.send(SETTINGS_ACK);
      }
    });
  }
  readonly #acknowledged = new Set<Frame>();

  async closed(): Promise<void> {
    if (!this.socket.destroyed) await once(this.socket, 'close');
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
