import { isAbsolute, join } from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import type { MessageType } from '../../src/runtime/protobuf/message-type.js';
import { protoRoot } from '../../src/runtime/proto-root.js';

/** Message types of a published `.proto` file, as another implementation reads them. */
export function publishedTypes(file: string): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (isAbsolute(target) ? target : join(protoRoot(), target));
  root.loadSync(file).resolveAll();
  return root;
}

type Described = Readonly<Record<string, readonly [number: number, kind: string, cardinality: string]>>;

/** Every message that `type` holds, itself first, with its fields. */
export function describeType(type: protobuf.Type, known = new Map<string, Described>()): Map<string, Described> {
  if (known.has(type.name)) return known;
  known.set(type.name, Object.fromEntries(type.fieldsArray.map((field) => [field.name, describeField(field)])));
  for (const { resolvedType } of type.fieldsArray) {
    if (resolvedType instanceof protobuf.Type) describeType(resolvedType, known);
  }
  return known;
}

function describeField(field: protobuf.Field): Described[string] {
  const isMessage = field.resolvedType instanceof protobuf.Type;
  const kind = isMessage ? 'message' : field.resolvedType instanceof protobuf.Enum ? 'enum' : field.type;
  if (field instanceof protobuf.MapField) return [field.id, kind, 'map'];
  if (field.repeated) return [field.id, kind, 'many'];
  if (field.partOf !== null) return [field.id, kind, 'one of'];
  return [field.id, kind, isMessage ? 'optional' : 'one'];
}

/** The same of a table; names of messages are taken from `type`, which knows them. */
export function describeTable(
  table: MessageType<never>,
  type: protobuf.Type,
  known = new Map<string, Described>(),
): Map<string, Described> {
  if (known.has(type.name)) return known;
  known.set(
    type.name,
    Object.fromEntries(
      table.members.map(({ name, field }) => {
        const cardinality = table.oneOf.includes(name) ? 'one of' : field.cardinality;
        return [name, [field.number, field.kind.name, cardinality]];
      }),
    ),
  );
  for (const { name, field } of table.members) {
    const nested = type.fields[name]?.resolvedType;
    const kind = field.kind as { readonly type?: () => MessageType<never> };
    if (kind.type !== undefined && nested instanceof protobuf.Type) describeTable(kind.type(), nested, known);
  }
  return known;
}

/** Messages of `type` with anything in them; `depth` bounds messages within messages. */
export function anyMessage(type: protobuf.Type, depth = 3): fc.Arbitrary<Record<string, unknown>> {
  const members = type.fieldsArray
    .filter(({ resolvedType }) => depth > 0 || !(resolvedType instanceof protobuf.Type))
    .map((field) => [field.name, anyField(field, depth)] as const);
  return fc.record(Object.fromEntries(members), { requiredKeys: [] }).map((message) => oneOfEach(type, message));
}

/** One is refused: an object has no such member. */
const KEYS = fc.string().filter((key) => key !== '__proto__');

function anyField(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  const value = anyValue(field, depth);
  if (field instanceof protobuf.MapField) return fc.dictionary(KEYS, value, { maxKeys: 4, noNullPrototype: true });
  return field.repeated ? fc.array(value, { maxLength: 4 }) : value;
}

function anyValue({ type, resolvedType }: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  if (resolvedType instanceof protobuf.Type) return anyMessage(resolvedType, depth - 1);
  if (resolvedType instanceof protobuf.Enum) return fc.constantFrom(...Object.values(resolvedType.values));
  const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    bool: fc.boolean(),
    bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    double: fc.double(),
    int32: fc.integer(),
    int64: fc.maxSafeInteger(),
    string: fc.string({ unit: 'grapheme', maxLength: 200 }),
    uint32: fc.nat({ max: 2 ** 32 - 1 }),
    uint64: fc.maxSafeNat(),
  };
  const found = scalars[type];
  if (found === undefined) throw new Error(`no values for ${type}`);
  return found;
}

/** Of the members of a `oneof` the first stays. */
function oneOfEach(type: protobuf.Type, message: Record<string, unknown>): Record<string, unknown> {
  const left = type.oneofsArray.flatMap(({ fieldsArray }) =>
    fieldsArray.filter(({ name }) => name in message).slice(1),
  );
  return Object.fromEntries(Object.entries(message).filter(([member]) => !left.some(({ name }) => name === member)));
}

/** Without members that are not there, however that is said; bytes as Buffers. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
}

/** What two messages one after the other stand for: the last value counts, lists and maps grow, messages are put together. */
export function merged(type: protobuf.Type, a: Record<string, unknown>, b: Record<string, unknown>): object {
  const said = Object.entries(b).flatMap(([name, value]) => {
    const field = type.fields[name];
    return field === undefined || isInitial(field, value) ? [] : [{ name, field, value }];
  });
  const replaced = said.flatMap(({ name, field }) => (field.partOf?.oneof ?? []).filter((other) => other !== name));
  return Object.fromEntries([
    ...Object.entries(a).filter(([name]) => !replaced.includes(name)),
    ...said.map(({ name, field, value }) => [name, mergedField(field, a[name], value)] as const),
  ]);
}

function mergedField(field: protobuf.Field, a: unknown, b: unknown): unknown {
  if (a === undefined || a === null) return b;
  if (field instanceof protobuf.MapField) return { ...a, ...(b as object) };
  if (field.repeated) return [...(a as unknown[]), ...(b as unknown[])];
  if (!(field.resolvedType instanceof protobuf.Type)) return b;
  return merged(field.resolvedType, a as Record<string, unknown>, b as Record<string, unknown>);
}

/** Whether it is not written, and so says nothing. */
function isInitial(field: protobuf.Field, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (field.partOf !== null || typeof value === 'object') return value instanceof Uint8Array && value.length === 0;
  return value === 0 || value === '' || value === false;
}
