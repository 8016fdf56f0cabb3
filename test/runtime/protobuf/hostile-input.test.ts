import test from 'ava';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import * as server from '../../../src/issuer-client/wire-messages.js';
import { bool, bytes, int32, int64, string, uint32, uint64 } from '../../../src/runtime/protobuf/field-kinds.js';
import { MessageType, one, type MessageOf } from '../../../src/runtime/protobuf/message-type.js';
import { ProtobufError, ProtoReader } from '../../../src/runtime/protobuf/proto-reader.js';
import { ProtoWriter } from '../../../src/runtime/protobuf/proto-writer.js';
import * as workload from '../../../src/workload-api/wire-messages.js';
import { SeededRandom } from '../../fakes/seeded-random.js';

// Bytes that no honest peer sends: each is read as protobuf says, or refused by a ProtobufError, in no more time than its length is worth.

const Scalars = new MessageType({
  ...{ int32: one(1, int32), uint32: one(2, uint32), int64: one(3, int64), uint64: one(4, uint64) },
  ...{ bool: one(5, bool), string: one(6, string), bytes: one(7, bytes) },
});
type ScalarsMessage = MessageOf<typeof Scalars>;

/** The same, by another implementation. */
const Published = protobuf
  .parse(
    `syntax = "proto3"; message Scalars { int32 int32 = 1; uint32 uint32 = 2; int64 int64 = 3; uint64 uint64 = 4; bool bool = 5;
     string string = 6; bytes bytes = 7; }`,
    { keepCase: true },
  )
  .root.lookupType('Scalars');
const OPTIONS = { longs: Number, bytes: Buffer, defaults: true } as const;

/** A varint with `length` bytes at least. */
function varint(value: bigint, length = 1): Buffer {
  const octets: number[] = [];
  let rest = value;
  for (; rest >= 128n || octets.length < length - 1; rest >>= 7n) octets.push(Number(rest & 127n) | 128);
  return Buffer.from([...octets, Number(rest)]);
}

function refusedOrRead(type: { decode(bytes: Buffer): unknown }, came: Buffer): boolean {
  try {
    type.decode(came);
    return true;
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    return false;
  }
}

test('every number of 64 bits is read into each kind, those of 32 bits take the low ones', (t) => {
  const numbers = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.tuple(fc.nat({ max: 64 }), fc.integer({ min: -3, max: 3 })).map(([bits, near]) => {
      return BigInt.asUintN(64, 2n ** BigInt(bits) + BigInt(near));
    }),
  );
  fc.assert(
    fc.property(numbers, (value) => {
      const read = (field: number) => Scalars.decode(Buffer.concat([Buffer.of(field * 8), varint(value)]));
      t.is(read(1).int32, Number(BigInt.asIntN(32, value)));
      t.is(read(2).uint32, Number(BigInt.asUintN(32, value)));
      t.is(read(3).int64, Number(BigInt.asIntN(64, value)));
      t.is(read(4).uint64, Number(value));
    }),
    { numRuns: 1_000 },
  );
});

test('a bool is true when any of its 64 bits is set', (t) => {
  for (let bit = 0n; bit < 64n; bit++) {
    t.true(Scalars.decode(Buffer.concat([Buffer.of(5 * 8), varint(2n ** bit)])).bool);
  }
  t.false(Scalars.decode(Buffer.concat([Buffer.of(5 * 8), varint(0n, 10)])).bool);
});

test('whole numbers go out and come back; beyond 2^53 as near as they can be; others are refused', (t) => {
  const edges = [0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64 - 2 ** 11];
  for (const value of edges) t.is(Scalars.decode(Scalars.encode({ uint64: value })).uint64, value);
  for (const value of [-1, -128, -(2 ** 31), -(2 ** 32) - 1, -(2 ** 53), -(2 ** 63)]) {
    t.is(Scalars.decode(Scalars.encode({ int64: value })).int64, value);
  }
  t.is(Scalars.decode(Scalars.encode({ int32: -5 })).int32, -5);
  // What the largest number is rounded up to when it is read.
  t.is(Scalars.decode(Scalars.encode({ uint64: 2 ** 64 })).uint64, 2 ** 64 - 2 ** 11);
  for (const value of [NaN, Infinity, -Infinity, 0.5, -1.5, 2 ** 65, -(2 ** 64)]) {
    t.throws(() => Scalars.encode({ uint64: value }), { instanceOf: ProtobufError });
  }
});

test('varints that are longer than they need be are the same varints, in tags, lengths and values', (t) => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.string({ maxLength: 20 }),
      fc.integer({ min: 1, max: 10 }),
      (value, text, length) => {
        const octets = Buffer.from(text);
        const long = Buffer.concat([
          ...[varint(4n * 8n, length), varint(value, length)],
          ...[varint(6n * 8n + 2n, length), varint(BigInt(octets.length), length), octets],
        ]);
        t.like(Scalars.decode(long), { uint64: Number(value), string: text });
      },
    ),
  );
});

test('a varint of eleven bytes, a tag of more than 32 bits and a length beyond the end are refused', (t) => {
  for (const came of [
    Buffer.concat([Buffer.of(4 * 8), varint(1n, 11)]),
    Buffer.concat([varint(1n, 11), Buffer.of(0)]),
    Buffer.concat([varint(2n ** 32n + 32n), Buffer.of(0)]),
    Buffer.concat([varint(2n ** 63n + 32n), Buffer.of(0)]),
    ...[1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n].map((length) =>
      Buffer.concat([Buffer.of(7 * 8 + 2), varint(length)]),
    ),
    ...[1n, 2n ** 32n, 2n ** 64n - 1n].map((length) => Buffer.concat([Buffer.of(15 * 8 + 2), varint(length)])),
  ]) {
    t.false(refusedOrRead(Scalars, came), came.toString('hex'));
  }
});

test('text that is no UTF-8 is read with a replacement character in its place, as others do', (t) => {
  for (const octets of [[0xff], [0xc3], [0x61, 0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80]]) {
    const came = Buffer.from([6 * 8 + 2, octets.length, ...octets]);
    const { string: text } = Scalars.decode(came);
    t.is(text, Scalars.decode(came).string);
    t.true(text.includes('\ufffd'));
    t.is(text, (Published.toObject(Published.decode(came), OPTIONS) as ScalarsMessage).string);
  }
  // Half of a pair has no UTF-8 either.
  t.is(Scalars.decode(Scalars.encode({ string: 'a\ud800b' })).string, 'a\ufffdb');
});

test('messages within messages are read a hundred deep, and refused beyond that however deep they are', (t) => {
  /** A list in a list, and so on. */
  const nested = (depth: number): Buffer => {
    const parts: Buffer[] = [];
    let length = 0;
    for (let level = 0; level < depth; level++) {
      // Value.list_value and ListValue.values by turns.
      const head = Buffer.concat([Buffer.of((level % 2 === 0 ? 6 : 1) * 8 + 2), varint(BigInt(length))]);
      parts.unshift(head);
      length += head.length;
    }
    return Buffer.concat(parts);
  };
  /** As `claims.fields['']`: three messages deep itself. */
  const response = (depth: number): Buffer => {
    const wrap = (field: number, inner: Buffer): Buffer =>
      Buffer.concat([Buffer.of(field * 8 + 2), varint(BigInt(inner.length)), inner]);
    return wrap(2, wrap(1, wrap(2, nested(depth))));
  };
  t.true(refusedOrRead(workload.ValidateResponse, response(97)));
  for (const depth of [99, 1_001, 20_001]) t.false(refusedOrRead(workload.ValidateResponse, response(depth)));
});

for (const [name, table] of Object.entries({ ...server, ...workload })) {
  test(`${name}: any bytes, and any field with any bytes in it, are read or refused`, (t) => {
    const own = table as unknown as MessageType<object>;
    const field = fc
      .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 30 }))
      .map(([number, wireType, octets]) =>
        Buffer.concat([
          Buffer.of(number * 8 + wireType),
          ...(wireType === 2 ? [varint(BigInt(octets.length))] : []),
          octets,
        ]),
      );
    const came = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((octets) => Buffer.from(octets)),
      fc.array(field, { maxLength: 6 }).map((fields) => Buffer.concat(fields)),
    );
    fc.assert(
      fc.property(came, (octets) => void refusedOrRead(own, octets)),
      { numRuns: 300 },
    );
    t.pass();
  });
}

const MEGABYTES = 5 * 1024 * 1024;
const random = new SeededRandom(7);

/** Five megabytes of what is dearest to read. */
const LARGE: Readonly<Record<string, () => Buffer>> = {
  'one byte': () => Buffer.alloc(MEGABYTES, 0x0a),
  'fields nobody knows': () => Buffer.alloc(MEGABYTES, Buffer.of(0x78, 1)),
  'empty messages': () => Buffer.alloc(MEGABYTES, Buffer.of(0x0a, 0)),
  'entries of a map': () => Buffer.alloc(MEGABYTES, Buffer.of(0x32, 2, 0x0a, 0)),
  'groups in groups': () => Buffer.alloc(MEGABYTES, 0x7b),
  'groups after groups': () => Buffer.alloc(MEGABYTES, Buffer.of(0x7b, 0x7c)),
  'long varints': () => Buffer.alloc(MEGABYTES, Buffer.from([0x08, ...Array<number>(9).fill(0x80), 1])),
  'a varint without an end': () => Buffer.alloc(MEGABYTES, 0x80),
  'one text': () => Buffer.concat([Buffer.of(0x0a), varint(BigInt(MEGABYTES)), Buffer.alloc(MEGABYTES, 'a')]),
  'a message in a message': () =>
    Buffer.concat([Buffer.of(0x12), varint(BigInt(MEGABYTES)), Buffer.alloc(MEGABYTES, 0x12)]),
  'any bytes': () => Buffer.from(Array.from({ length: 65_536 }, () => random.whole(0, 255))),
};
for (const [what, make] of Object.entries(LARGE)) {
  test(`five megabytes of ${what} are read or refused`, (t) => {
    const came = make();
    for (const table of [server.SyncResponse, server.MintX509Request, workload.ValidateResponse]) {
      refusedOrRead(table, came);
    }
    t.pass();
  });
}

test('what is written grows with what is given, also deep inside', (t) => {
  const large = Buffer.alloc(MEGABYTES, 1);
  const written = server.SyncResponse.encode({
    bundles: [{ trustDomain: 'a', x509Authorities: [large, large] }],
  } as never);
  t.is(written.length, 2 * MEGABYTES + 2 * 5 + 3 + 5);
  const [bundle] = server.SyncResponse.decode(written).bundles;
  t.deepEqual(
    bundle?.x509Authorities.map(({ length }) => length),
    [MEGABYTES, MEGABYTES],
  );
  const writer = new ProtoWriter();
  writer.text('ü'.repeat(1_000_000));
  t.is(new ProtoReader(writer.written).text().length, 1_000_000);
});
