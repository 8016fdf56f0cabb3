import { ConnectionError, ErrorCode, MAX_FRAME_BYTES, MAX_WINDOW, Setting } from './frame.js';

const SETTING_BYTES = 6;
const LARGEST_FRAME = 2 ** 24 - 1;

/** What a peer's SETTINGS change for us; its other wishes are kept by never coming near them. */
export interface SettingsChange {
  /** Window of each stream, old and new. */
  readonly streamWindow?: number;
  /** Size of the table that header blocks may use. */
  readonly headerTableBytes?: number;
}

/** Reads the payload of a SETTINGS frame (RFC 9113, 6.5.2). Throws what a value out of range costs. */
export function readSettings(payload: Buffer): SettingsChange {
  if (payload.length % SETTING_BYTES !== 0) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS');
  let change: SettingsChange = {};
  for (let at = 0; at < payload.length; at += SETTING_BYTES) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case Setting.HEADER_TABLE_SIZE:
        change = { ...change, headerTableBytes: Math.min(value, change.headerTableBytes ?? value) };
        break;
      case Setting.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'ENABLE_PUSH');
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'INITIAL_WINDOW_SIZE');
        change = { ...change, streamWindow: value };
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < MAX_FRAME_BYTES || value > LARGEST_FRAME) {
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'MAX_FRAME_SIZE');
        }
        break;
      default:
    }
  }
  return change;
}
