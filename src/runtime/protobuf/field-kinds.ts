import { WireType, type ProtoReader } from './proto-reader.js';
import type { ProtoWriter } from './proto-writer.js';

/** What a field holds, and how that stands on the wire. */
export interface Kind<T> {
  /** As a `.proto` file names it, or `message` or `enum`. */
  readonly name: string;
  readonly wireType: number;
  /** Value of a field that is not there. */
  readonly initial: T;
  /** `before`: what the field held; a message is read into it. */
  read(reader: ProtoReader, before?: T): T;
  write(writer: ProtoWriter, value: T): void;
}

function whole(name: string, read: (reader: ProtoReader) => number): Kind<number> {
  return { name, wireType: WireType.VARINT, initial: 0, read, write: (writer, value) => writer.varint(value) };
}

export const int32 = whole('int32', (reader) => reader.int32());
export const uint32 = whole('uint32', (reader) => reader.uint32());
/** Integers of 64 bits are numbers: exact up to 2^53. */
export const int64 = whole('int64', (reader) => reader.int64());
export const uint64 = whole('uint64', (reader) => reader.uint64());
/** By its number. */
export const enumeration = whole('enum', (reader) => reader.int32());

export const bool: Kind<boolean> = {
  name: 'bool',
  wireType: WireType.VARINT,
  initial: false,
  read: (reader) => reader.bool(),
  write: (writer, value) => writer.varint(value ? 1 : 0),
};

export const double: Kind<number> = {
  name: 'double',
  wireType: WireType.FIXED64,
  initial: 0,
  read: (reader) => reader.float64(),
  write: (writer, value) => writer.float64(value),
};

export const string: Kind<string> = {
  name: 'string',
  wireType: WireType.DELIMITED,
  initial: '',
  read: (reader) => reader.text(),
  write: (writer, value) => writer.text(value),
};

export const bytes: Kind<Uint8Array> = {
  name: 'bytes',
  wireType: WireType.DELIMITED,
  initial: Buffer.alloc(0),
  read: (reader) => reader.bytes(),
  write: (writer, value) => writer.bytes(value),
};
