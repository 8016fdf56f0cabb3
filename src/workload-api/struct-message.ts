/** `google.protobuf.Value` as proto-loader takes it. */
type ValueMessage =
  | { readonly nullValue: 'NULL_VALUE' }
  | { readonly numberValue: number }
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly structValue: StructMessage }
  | { readonly listValue: { readonly values: readonly ValueMessage[] } };

/** `google.protobuf.Struct` as proto-loader takes it. */
export interface StructMessage {
  readonly fields: Readonly<Record<string, ValueMessage>>;
}

/** A JSON object as a `Struct`. */
export function structOf(object: Readonly<Record<string, unknown>>): StructMessage {
  return { fields: Object.fromEntries(Object.entries(object).map(([name, value]) => [name, valueOf(value)])) };
}

function valueOf(value: unknown): ValueMessage {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(valueOf) } };
  if (typeof value === 'object' && value !== null) return { structValue: structOf(value as Record<string, unknown>) };
  return { nullValue: 'NULL_VALUE' };
}
