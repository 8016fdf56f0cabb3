import { connect, type Socket } from 'node:net';

// A gRPC client of few instructions, so that the load generator is not what is measured: it writes prepared HTTP/2 frames and
// looks at nothing but frame headers. Like grpc-go and grpc-js it waits for the server's SETTINGS before its first request.

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const ACK = 0x1;
const FRAME_HEADER = 9;
/** More than a run ever sends down one stream, so no window has to be kept. */
const WINDOW = 64 * 1024 * 1024;

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(FRAME_HEADER);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A message behind its gRPC prefix. */
function prefixed(body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0), uint32(body.length), body]);
}

/** HPACK: literal header fields, not indexed, not Huffman coded. */
function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string): Buffer[] => {
    const bytes = Buffer.from(value);
    return [bytes.length < 127 ? Buffer.of(bytes.length) : Buffer.of(127, bytes.length - 127), bytes];
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), ...text(name), ...text(value)]));
}

const OPENING = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(WINDOW)])),
]);
const SETTINGS_ACK = frame(SETTINGS, ACK, 0);
const WIDER = frame(WINDOW_UPDATE, 0, 0, uint32(WINDOW));
const LEAVE = frame(GOAWAY, 0, 0, Buffer.alloc(8));
const blocks = new Map<string, Buffer>();

function requestBlock(path: string): Buffer {
  let block = blocks.get(path);
  if (block === undefined) {
    block = headerBlock([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'localhost'],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['user-agent', 'bench'],
      ['workload.spiffe.io', 'true'],
    ]);
    blocks.set(path, block);
  }
  return block;
}

/** What a stream brings. A message is the bytes behind its gRPC prefix. */
export interface StreamEvents {
  message?(bytes: Buffer): void;
  /** The server ended the stream, or the connection is gone. */
  end?(): void;
}

interface OpenStream {
  readonly events: StreamEvents;
  parts: Buffer[];
  length: number;
}

/** One HTTP/2 connection, over a Unix socket or over what the caller has connected. */
export class RawConnection {
  readonly #socket: Socket;
  readonly #streams = new Map<number, OpenStream>();
  #queued: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #settled = false;
  #next = 1;

  constructor(target: string | Socket) {
    this.#socket = typeof target === 'string' ? connect(target) : target;
    this.#socket.write(OPENING);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      for (const { events } of this.#streams.values()) events.end?.();
      this.#streams.clear();
    });
  }

  /** Starts a call with one request; `body` is the encoded request message. Returns how to cancel it. */
  call(path: string, body: Buffer, events: StreamEvents): () => void {
    const id = this.#start(path, events, frame(DATA, END_STREAM, this.#next, prefixed(body)));
    return () => {
      if (this.#streams.delete(id)) this.#socket.write(frame(RST_STREAM, 0, id, uint32(8)));
    };
  }

  /** Starts a call that may send more requests after the first. Returns how to send one; they have to fit the server's first window. */
  converse(path: string, body: Buffer, events: StreamEvents): (body: Buffer) => void {
    const id = this.#start(path, events, frame(DATA, 0, this.#next, prefixed(body)));
    return (next) => {
      if (this.#streams.has(id)) this.#socket.write(frame(DATA, 0, id, prefixed(next)));
    };
  }

  #start(path: string, events: StreamEvents, first: Buffer): number {
    const id = this.#next;
    this.#next += 2;
    this.#streams.set(id, { events, parts: [], length: 0 });
    const bytes = Buffer.concat([frame(HEADERS, END_HEADERS, id, requestBlock(path)), first]);
    if (this.#settled) this.#socket.write(bytes);
    else this.#queued.push(bytes);
    return id;
  }

  /** Says good-bye and closes. */
  close(): void {
    this.#streams.clear();
    this.#socket.end(LEAVE);
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= FRAME_HEADER) {
      const end = FRAME_HEADER + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      this.#frame(bytes.readUInt8(3), bytes.readUInt8(4), bytes.readUInt32BE(5), bytes.subarray(FRAME_HEADER, end));
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes.length === 0 ? bytes : Buffer.from(bytes);
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) {
      this.#settings();
      return;
    }
    if (type === PING && (flags & ACK) === 0) return void this.#socket.write(frame(PING, ACK, 0, payload));
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (type === DATA && payload.length > 0) this.#data(stream, payload);
    const ended = type === RST_STREAM || ((type === HEADERS || type === DATA) && (flags & END_STREAM) !== 0);
    if (ended && this.#streams.delete(id)) stream.events.end?.();
  }

  #settings(): void {
    this.#settled = true;
    this.#socket.write(Buffer.concat([SETTINGS_ACK, WIDER, ...this.#queued]));
    this.#queued = [];
  }

  #data(stream: OpenStream, payload: Buffer): void {
    stream.parts.push(payload);
    stream.length += payload.length;
    for (;;) {
      if (stream.length < 5) return;
      const bytes = stream.parts.length === 1 ? (stream.parts[0] as Buffer) : Buffer.concat(stream.parts);
      const end = 5 + bytes.readUInt32BE(1);
      stream.parts = [bytes];
      if (bytes.length < end) return;
      stream.parts = bytes.length === end ? [] : [bytes.subarray(end)];
      stream.length = bytes.length - end;
      stream.events.message?.(bytes.subarray(5, end));
    }
  }
}

/** One call on a connection of its own; the first message. */
export function firstMessage(socket: string, path: string, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const connection = new RawConnection(socket);
    const cancel = connection.call(path, body, {
      message: (bytes) => {
        cancel();
        connection.close();
        resolve(Buffer.from(bytes));
      },
      end: () => reject(new Error('the call ended without a message')),
    });
  });
}

/** One unary call on a connection that stays. */
export function answerOf(connection: RawConnection, path: string, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let answer: Buffer | undefined;
    connection.call(path, body, {
      message: (bytes) => (answer = Buffer.from(bytes)),
      end: () => (answer === undefined ? reject(new Error('the call ended without a message')) : resolve(answer)),
    });
  });
}
