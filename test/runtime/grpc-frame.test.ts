import { deflateSync, gzipSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { framed, MessageReader } from '../../src/runtime/grpc-frame.js';
import { timeoutMs } from '../../src/runtime/grpc-timeout.js';

const reader = (encoding?: string, maxBytes = 1_000): MessageReader => new MessageReader({ maxBytes, encoding });

test('messages come out as they were framed, however their bytes are cut', (t) => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 40 })), (messages, cuts) => {
        let rest = Buffer.concat(messages.map(framed));
        const [read, got] = [reader(), [] as Buffer[]];
        for (const cut of [...cuts, Infinity]) {
          got.push(...read.messages(rest.subarray(0, cut)));
          rest = rest.subarray(Math.min(cut, rest.length));
        }
        return (
          !read.inside && got.length === messages.length && got.every((m, i) => m.equals(messages[i] as Uint8Array))
        );
      }),
    ),
  );
});

test('a message that is too long is refused by its prefix, before its bytes have come', (t) => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(1_001, 1);
  t.throws(() => reader().messages(prefix).next(), {
    code: 'LIMIT_REACHED',
    message: /at most 1000 bytes, this one has 1001/,
  });
});

function compressed(bytes: Buffer): Buffer {
  const frame = framed(bytes);
  frame.writeUInt8(1, 0);
  return frame;
}

for (const [encoding, compress] of [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
] as const) {
  test(`${encoding} is read, and one that would grow above the limit is not`, (t) => {
    t.deepEqual([...reader(encoding).messages(compressed(compress('hello')))], [Buffer.from('hello')]);
    t.throws(
      () =>
        reader(encoding)
          .messages(compressed(compress(Buffer.alloc(100_000))))
          .next(),
      { code: 'LIMIT_REACHED' },
    );
    t.throws(
      () =>
        reader(encoding)
          .messages(compressed(Buffer.from('no such thing')))
          .next(),
      { code: 'INVALID_REQUEST' },
    );
  });
}

test('a compressed message without an encoding, and an encoding nobody knows, are refused', (t) => {
  t.throws(
    () =>
      reader()
        .messages(compressed(gzipSync('x')))
        .next(),
    { code: 'INVALID_REQUEST' },
  );
  t.throws(
    () =>
      reader('identity')
        .messages(compressed(gzipSync('x')))
        .next(),
    { code: 'INVALID_REQUEST' },
  );
  t.throws(() => reader('br'), { code: 'UNIMPLEMENTED' });
});

test('a timeout is digits and a unit', (t) => {
  const cases = { '2H': 7_200_000, '3M': 180_000, '4S': 4_000, '99999999m': 99_999_999, '5000u': 5, '1000000n': 1 };
  for (const [text, ms] of Object.entries(cases)) t.is(timeoutMs(text), ms, text);
  t.is(timeoutMs(undefined), undefined);
  for (const text of ['', '1', 'S', '123456789S', '-1S', '1s', '1S, 1S']) {
    t.throws(() => timeoutMs(text), { code: 'INVALID_REQUEST' }, text);
  }
});
