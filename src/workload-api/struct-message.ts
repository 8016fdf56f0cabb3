import { SpirlError } from '../runtime/errors.js';
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

const Value: MessageType<ValueMessage> = new MessageType<ValueMessage>(
  {
    nullValue: optional(1, enumeration),
    numberValue: optional(2, double),
    stringValue: optional(3, string),
    boolValue: optional(4, bool),
    structValue: optional(5, message(Struct)),
    listValue: optional(6, message(ListValue)),
  },
  ['nullValue', 'numberValue', 'stringValue', 'boolValue', 'structValue', 'listValue'],
);

/** Objects and lists within each other; no client that is known reads more. */
const MAX_DEPTH = 100;

/** A JSON object as a `Struct`. Throws INVALID_REQUEST when it is too deep to be read by anybody. */
export function structOf(object: Readonly<Record<string, unknown>>, depth = 0): StructMessage {
  const fields = Object.entries(object).map(([name, member]) => [name, valueOf(member, depth + 1)] as const);
  return { fields: Object.fromEntries(fields) };
}

function valueOf(member: unknown, depth: number): ValueMessage {
  if (depth > MAX_DEPTH) throw new SpirlError('INVALID_REQUEST', 'svid: the claims are nested too deeply');
  if (typeof member === 'string') return { stringValue: member };
  if (typeof member === 'number') return { numberValue: member };
  if (typeof member === 'boolean') return { boolValue: member };
  if (Array.isArray(member)) return { listValue: { values: member.map((one) => valueOf(one, depth + 1)) } };
  if (typeof member === 'object' && member !== null)
    return { structValue: structOf(member as Record<string, unknown>, depth) };
  return { nullValue: 0 };
}
