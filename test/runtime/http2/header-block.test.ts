import test from 'ava';
import fc from 'fast-check';
import { HpackDecoder } from '../../../src/runtime/http2/hpack-decoder.js';
import { STATIC_TABLE } from '../../../src/runtime/http2/hpack-static-table.js';
import { headerBlock } from '../../../src/runtime/http2/header-block.js';
import { HpackEncoder, plainBlock, type Field } from '../../fakes/hpack-encoder.js';
import { SeededRandom } from '../../fakes/seeded-random.js';

function decoded(decoder: HpackDecoder, block: Buffer): Field[] {
  const fields: Field[] = [];
  decoder.decode(block, (name, value) => void fields.push([name, value]));
  return fields;
}

/** Characters are octets. */
const text = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet)) });
const anyField = fc.oneof(
  fc.constantFrom<Field>(...STATIC_TABLE),
  fc.tuple(fc.constantFrom(...STATIC_TABLE.map(([name]) => name)), text),
  fc.tuple(text, fc.oneof(text, fc.constantFrom('x'.repeat(126), 'x'.repeat(127), 'x'.repeat(128), 'x'.repeat(5_000)))),
);
const anyFields = fc.array(anyField, { maxLength: 6 });

test('a block that is made once says on every connection, whatever went over it, what one made for it says', (t) => {
  const property = fc.property(anyFields, fc.array(anyFields, { maxLength: 4 }), fc.nat(), (fields, others, seed) => {
    const once = headerBlock(fields);
    const [decoder, peer] = [new HpackDecoder(), new HpackEncoder(new SeededRandom(seed))];
    for (const before of others) {
      t.deepEqual(decoded(decoder, peer.block(before)), before);
      t.deepEqual(decoded(decoder, once), fields);
      t.deepEqual(decoded(decoder, plainBlock(fields)), fields);
    }
    // The peer's table is as if it had never been sent: what refers to it is still understood.
    for (const after of others) t.deepEqual(decoded(decoder, peer.block(after)), after);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 200 }));
});
