import { bool, double, enumeration, string } from '../runtime/protobuf/field-kinds.js';
import { many, mapOf, message, MessageType, optional, recursive } from '../runtime/protobuf/message-type.js';

/** `google.protobuf.Value`: one of its members. */
interface ValueMessage {
  /** NULL_VALUE is the only one. */
  readonly nullValue?: number | undefined;
  readonly numberValue?: number | undefined;
  readonly stringValue?: string | undefined;
  readonly boolValue?: boolean | undefined;
  readonly structValue?: StructMessage | undefined;
  readonly listValue?: { readonly values: readonly ValueMessage[] } | undefined;
}

/** `google.protobuf.Struct` */
export interface StructMessage {
  readonly fields: Readonly<Record<string, ValueMessage>>;
}

const value = recursive(() => Value);

export const Struct = new MessageType<StructMessage>({ fields: mapOf(1, value) });

const ListValue = new MessageType({ values: many(1, value) });

const Value: MessageType<ValueMessage> = new MessageType<ValueMessage>({
  nullValue: optional(1, enumeration),
  numberValue: optional(2, double),
  stringValue: optional(3, string),
  boolValue: optional(4, bool),
  structValue: optional(5, message(Struct)),
  listValue: optional(6, message(ListValue)),
});

/** A JSON object as a `Struct`. */
export function structOf(object: Readonly<Record<string, unknown>>): StructMessage {
  return { fields: Object.fromEntries(Object.entries(object).map(([name, member]) => [name, valueOf(member)])) };
}

function valueOf(member: unknown): ValueMessage {
  if (typeof member === 'string') return { stringValue: member };
  if (typeof member === 'number') return { numberValue: member };
  if (typeof member === 'boolean') return { boolValue: member };
  if (Array.isArray(member)) return { listValue: { values: member.map(valueOf) } };
  if (typeof member === 'object' && member !== null)
    return { structValue: structOf(member as Record<string, unknown>) };
  return { nullValue: 0 };
}
