import { ConnectionError, ErrorCode, Flag } from './frame.js';

/** A violation of the protocol that has no code of its own. */
export function violation(reason: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, reason);
}

/** The payload without its padding (RFC 9113, 6.1). */
export function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & Flag.PADDED) === 0) return payload;
  const [padding] = payload;
  if (padding === undefined) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'no length of the padding');
  if (padding >= payload.length) throw violation('more padding than frame');
  return payload.subarray(1, payload.length - padding);
}

export function requireLength(payload: Buffer, length: number, what: string): void {
  if (payload.length !== length) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, what);
}

/** `priority` begins with the stream that `stream` depends on; priorities are not kept beyond this look (RFC 9113, 5.3.2). */
export function requireOwnParent(priority: Buffer, stream: number): void {
  if (uint31(priority) === stream) throw violation('a stream that depends on itself');
}

/** The number at the beginning, without its reserved bit. */
export function uint31(payload: Buffer): number {
  return payload.readUInt32BE(0) & 0x7fffffff;
}
