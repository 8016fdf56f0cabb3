import test from 'ava';
import { Struct, structOf } from '../../src/workload-api/struct-message.js';

/** Claims with lists within lists, `depth` of them. */
function nested(depth: number): Readonly<Record<string, unknown>> {
  return JSON.parse(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`) as Record<string, unknown>;
}

test('claims of every kind become members of their kind', (t) => {
  const struct = structOf({ n: null, b: false, d: 1.5, s: '', o: { x: 0 }, l: [1, 'two'] });
  t.deepEqual(struct.fields, {
    n: { nullValue: 0 },
    b: { boolValue: false },
    d: { numberValue: 1.5 },
    s: { stringValue: '' },
    o: { structValue: { fields: { x: { numberValue: 0 } } } },
    l: { listValue: { values: [{ numberValue: 1 }, { stringValue: 'two' }] } },
  });
});

test('claims that are nested deeper than anybody reads are refused, however deep they are', (t) => {
  t.true(Struct.encode(structOf(nested(99))).length > 99);
  for (const depth of [101, 10_000]) {
    t.throws(() => structOf(nested(depth)), {
      message: 'svid: the claims are nested too deeply',
      code: 'INVALID_REQUEST',
    });
  }
});
