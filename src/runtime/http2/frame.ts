/** Types of frames (RFC 9113, 6). Others are ignored. */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** Why a stream or a connection ends (RFC 9113, 7). */
export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

export const FRAME_HEADER_BYTES = 9;
/** Longest payload that may be sent to us, and that we send: the least that every peer takes. */
export const MAX_FRAME_BYTES = 16_384;
/** Of a connection and of each stream until somebody says otherwise. */
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 2 ** 31 - 1;

/** What a peer did wrong: it costs the connection. */
export class ConnectionError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** The nine bytes before a payload of `length` bytes. */
export function frameHeader(length: number, type: number, flags: number, stream: number): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  writeHeader(header, length, type, flags, stream);
  return header;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeHeader(bytes, payload.length, type, flags, stream);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

function writeHeader(bytes: Buffer, length: number, type: number, flags: number, stream: number): void {
  bytes.writeUInt32BE(((length << 8) | type) >>> 0, 0);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
}

/** Settings in the order in which they are given. */
export function settingsFrame(settings: readonly (readonly [setting: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [setting, value]] of settings.entries()) {
    payload.writeUInt16BE(setting, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

export function resetFrame(stream: number, code: ErrorCode): Buffer {
  return frame(FrameType.RST_STREAM, 0, stream, uint32(code));
}

export function windowFrame(stream: number, bytes: number): Buffer {
  return frame(FrameType.WINDOW_UPDATE, 0, stream, uint32(bytes));
}

/** `last` is the newest stream that was, or may have been, served. */
export function goawayFrame(last: number, code: ErrorCode): Buffer {
  return frame(FrameType.GOAWAY, 0, 0, Buffer.concat([uint32(last), uint32(code)]));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
