import test from 'ava';
import fc from 'fast-check';
import { bytes, int64, string, uint32 } from '../../../src/runtime/protobuf/field-kinds.js';
import { many, mapOf, message, MessageType, one, optional } from '../../../src/runtime/protobuf/message-type.js';
import { ProtobufError } from '../../../src/runtime/protobuf/proto-reader.js';

const Inner = new MessageType({ text: one(1, string) });
const Outer = new MessageType({
  name: one(1, string),
  raw: one(2, bytes),
  inner: optional(3, message(Inner)),
  inners: many(4, message(Inner)),
  counts: mapOf(5, uint32),
  at: one(6, int64),
});

const EMPTY = { name: '', raw: Buffer.alloc(0), inner: undefined, inners: [], counts: {}, at: 0 };

test('an absent field has its initial value, and such a value is not written', (t) => {
  t.deepEqual(Outer.decode(Buffer.alloc(0)), EMPTY);
  t.is(Outer.encode(EMPTY).length, 0);
});

test('lists and maps of two messages are two', (t) => {
  const [a, b] = [Outer.decode(Buffer.alloc(0)), Outer.decode(Buffer.alloc(0))];
  t.not(a.inners, b.inners);
  t.not(a.counts, b.counts);
});

test('a nested message is written whatever it holds, at every length of its length', (t) => {
  t.deepEqual([...Outer.encode({ inner: { text: '' } })], [0x1a, 0]);
  for (const length of [0, 1, 123, 124, 125, 126, 127, 128, 16_380, 16_383, 16_384, 70_000]) {
    const text = 'x'.repeat(length);
    const inners = [{ text }, { text: 'between' }, { text }];
    t.deepEqual(Outer.decode(Outer.encode({ name: 'n', inners, at: 7 })), { ...EMPTY, name: 'n', inners, at: 7 });
  }
});

test('what nobody knows is stepped over: other fields, other wire types of known ones, groups', (t) => {
  const known = Outer.encode({ name: 'n', at: 9 });
  const unknown = [
    [0x78, 0x96, 0x01], // field 15, varint
    [0x79, 1, 2, 3, 4, 5, 6, 7, 8], // field 15, 64 bits
    [0x7a, 2, 1, 2], // field 15, delimited
    [0x7d, 1, 2, 3, 4], // field 15, 32 bits
    [0x7b, 0x08, 1, 0x7b, 0x7c, 0x7c], // field 15, a group in a group
    [0x08, 5], // field 1 as a varint
    [0xfa, 0xff, 0xff, 0xff, 0x0f, 1, 0], // the largest field number
  ];
  for (const part of unknown) {
    t.deepEqual(Outer.decode(Buffer.concat([Buffer.from(part), known, Buffer.from(part)])), {
      ...EMPTY,
      name: 'n',
      at: 9,
    });
  }
});

const BROKEN: readonly { name: string; bytes: readonly number[] }[] = [
  { name: 'a text that ends early', bytes: [0x0a, 5, 0x61] },
  { name: 'a length beyond the end of its message', bytes: [0x1a, 3, 0x0a, 5, 0x61, 0x61, 0x61, 0x61, 0x61] },
  { name: 'a tag alone', bytes: [0x0a] },
  { name: 'a varint without an end', bytes: [0x30, 0xff, 0xff] },
  { name: 'a varint that is too long', bytes: [0x30, ...Array<number>(10).fill(0x80), 1] },
  { name: 'a field without a number', bytes: [0x02, 0] },
  { name: 'a wire type that does not exist', bytes: [0x7e] },
  { name: 'a group that begins nowhere', bytes: [0x7c] },
  { name: 'a group without an end', bytes: [0x7b, 0x08, 1] },
  { name: 'groups without a bottom', bytes: Array<number>(100_000).fill(0x7b) },
  { name: 'a key that would be no member', bytes: [0x2a, 13, 0x0a, 9, ...Buffer.from('__proto__'), 0x10, 1] },
];

for (const { name, bytes: broken } of BROKEN) {
  test(`${name} is refused`, (t) => {
    t.throws(() => Outer.decode(Buffer.from(broken)), { instanceOf: ProtobufError });
  });
}

test('any bytes are read or refused', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (any) => {
      try {
        Outer.decode(Buffer.from(any));
      } catch (error) {
        if (!(error instanceof ProtobufError)) throw error;
      }
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('what is read keeps nothing of the bytes it came in', (t) => {
  const came = Outer.encode({ raw: Buffer.of(1, 2, 3) });
  const { raw } = Outer.decode(came);
  came.fill(0);
  t.deepEqual([...raw], [1, 2, 3]);
});
