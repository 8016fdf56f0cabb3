import type { Kind } from './field-kinds.js';
import { ProtobufError, ProtoReader, WireType } from './proto-reader.js';
import { ProtoWriter } from './proto-writer.js';

/** One field of a message, in the object that stands for it and on the wire. */
export interface Field<T> {
  readonly number: number;
  readonly kind: Kind<never>;
  readonly cardinality: 'one' | 'optional' | 'many' | 'map';
  /** Value of an absent field. */
  initial(): T;
  /** Writes nothing for a value that an absent field would have. */
  write(writer: ProtoWriter, value: T): void;
  /** The field's value once what comes next has been read; `before` is what it was. */
  read(reader: ProtoReader, before: T): T;
}

function writeTag(writer: ProtoWriter, number: number, wireType: number): void {
  writer.varint(number * 8 + wireType);
}

function writeAs<T>(writer: ProtoWriter, number: number, kind: Kind<T>, value: T): void {
  writeTag(writer, number, kind.wireType);
  kind.write(writer, value);
}

/** A plain field: absent and its initial value are the same. */
export function one<T extends string | number | boolean | Uint8Array>(number: number, kind: Kind<T>): Field<T> {
  const isInitial = (value: T): boolean => (value instanceof Uint8Array ? value.length === 0 : value === kind.initial);
  return {
    ...{ number, kind: kind as Kind<never>, cardinality: 'one' },
    initial: () => kind.initial,
    write: (writer, value) => {
      if (!isInitial(value)) writeAs(writer, number, kind, value);
    },
    read: (reader) => kind.read(reader),
  };
}

/** A nested message, or a member of a `oneof`: `undefined` when absent, and written whatever it holds when not. */
export function optional<T>(number: number, kind: Kind<T>): Field<T | undefined> {
  return {
    ...{ number, kind: kind as Kind<never>, cardinality: 'optional' },
    initial: () => undefined,
    write: (writer, value) => {
      if (value !== undefined) writeAs(writer, number, kind, value);
    },
    read: (reader, before) => kind.read(reader, before),
  };
}

/** A repeated field of strings, bytes or messages; nothing in this project is packed. */
export function many<T extends string | object>(number: number, kind: Kind<T>): Field<readonly T[]> {
  return {
    ...{ number, kind: kind as Kind<never>, cardinality: 'many' },
    initial: () => [],
    write: (writer, values) => {
      for (const value of values) writeAs(writer, number, kind, value);
    },
    read: (reader, before) => {
      (before as T[]).push(kind.read(reader));
      return before;
    },
  };
}

/** A map with strings for keys. */
export function mapOf<T>(number: number, kind: Kind<T>): Field<Readonly<Record<string, T>>> {
  const entry = {
    read: (reader: ProtoReader): readonly [string, T] => {
      let key = '';
      let value: T | undefined;
      while (!reader.done) {
        const tag = reader.tag();
        if (tag === 8 + WireType.DELIMITED) key = reader.text();
        else if (tag === 16 + kind.wireType) value = kind.read(reader, value);
        else reader.skip(tag & 7);
      }
      return [key, value ?? kind.initial];
    },
    write: (writer: ProtoWriter, key: string, value: T): void => {
      writeTag(writer, 1, WireType.DELIMITED);
      writer.text(key);
      writeAs(writer, 2, kind, value);
    },
  };
  return {
    ...{ number, kind: kind as Kind<never>, cardinality: 'map' },
    initial: () => ({}),
    write: (writer, values) => {
      for (const [key, value] of Object.entries(values)) {
        writeTag(writer, number, WireType.DELIMITED);
        writer.within(() => entry.write(writer, key, value));
      }
    },
    read: (reader, before) => {
      const [key, value] = reader.within(() => entry.read(reader));
      // A member of that name would be no member.
      if (key === '__proto__') throw new ProtobufError('an unusable key of a map');
      (before as Record<string, T>)[key] = value;
      return before;
    },
  };
}

/** The object that a message type stands for. */
export type MessageOf<M> = M extends MessageType<infer T> ? T : never;

interface Member {
  readonly name: string;
  readonly field: Field<unknown>;
}

/**
 * A protobuf message as a table of its fields, in the order of their numbers. The `.proto` files say what there is; a test compares each
 * table with its file. Nothing is parsed or compiled at run time: that would be a third of an agent's start.
 */
export class MessageType<T extends object> {
  readonly members: readonly Member[];
  /** Members of a `oneof`: the one that came last counts. */
  readonly oneOf: readonly string[];
  readonly #byNumber: readonly (Member | undefined)[];

  constructor(fields: { readonly [name in keyof T]-?: Field<T[name]> }, oneOf: readonly (keyof T & string)[] = []) {
    this.oneOf = oneOf;
    this.members = Object.entries(fields).map(([name, field]) => ({ name, field: field as Field<unknown> }));
    const byNumber: (Member | undefined)[] = [];
    for (const member of this.members) byNumber[member.field.number] = member;
    this.#byNumber = byNumber;
  }

  /** What is not given has its initial value. */
  encode(message: Partial<T>): Buffer {
    const writer = new ProtoWriter();
    this.write(writer, message);
    return writer.written;
  }

  /** Every field is there, with its initial value when it did not come. Throws ProtobufError. */
  decode(bytes: Buffer): T {
    return this.read(new ProtoReader(bytes));
  }

  write(writer: ProtoWriter, message: Partial<T>): void {
    const values = message as Readonly<Record<string, unknown>>;
    for (const { name, field } of this.members) {
      const value = values[name];
      if (value !== undefined) field.write(writer, value);
    }
  }

  /** `before`: the same field, when it has come already; protobuf puts the two together. */
  read(reader: ProtoReader, before?: T): T {
    const message = (before ?? this.#initial()) as Record<string, unknown>;
    while (!reader.done) {
      const tag = reader.tag();
      const wireType = tag & 7;
      const member = this.#byNumber[tag >>> 3];
      if (member === undefined || wireType !== wireTypeOf(member.field)) reader.skip(wireType);
      else this.#take(message, member, reader);
    }
    return message as T;
  }

  #initial(): Record<string, unknown> {
    const message: Record<string, unknown> = {};
    for (const { name, field } of this.members) message[name] = field.initial();
    return message;
  }

  #take(message: Record<string, unknown>, { name, field }: Member, reader: ProtoReader): void {
    message[name] = field.read(reader, message[name]);
    if (!this.oneOf.includes(name)) return;
    for (const other of this.oneOf) if (other !== name) message[other] = undefined;
  }
}

function wireTypeOf({ cardinality, kind }: Field<unknown>): number {
  return cardinality === 'map' ? WireType.DELIMITED : kind.wireType;
}

/** Of a field that holds a message. */
export interface MessageKind<T extends object> extends Kind<T> {
  readonly type: () => MessageType<T>;
}

/** The kind of a field that holds a message. */
export function message<T extends object>(type: MessageType<T>): MessageKind<T> {
  return recursive(() => type);
}

/** The same for messages that hold their own kind: `type` is asked for late. */
export function recursive<T extends object>(type: () => MessageType<T>): MessageKind<T> {
  return {
    ...{ name: 'message', wireType: WireType.DELIMITED, type },
    // Only an entry of a map may be without its value.
    get initial() {
      return type().decode(Buffer.alloc(0));
    },
    read: (reader, before) => reader.within(() => type().read(reader, before)),
    write: (writer, value) => writer.within(() => type().write(writer, value)),
  };
}
