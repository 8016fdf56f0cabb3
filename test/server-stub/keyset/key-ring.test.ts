import test from 'ava';
import type { Keyset, Ring } from '../../../server-stub/src/domain/keyset.js';
import {
  applyChange,
  emptyRing,
  MAX_KEYSETS,
  sequenceOf,
  withRaisedEpoch,
} from '../../../server-stub/src/keyset/key-ring.js';
import { checkKeysetId, newKeysetId } from '../../../server-stub/src/keyset/keyset-id.js';
import { assertClock, signingAllowedAt } from '../../../server-stub/src/keyset/signing-time.js';
import type { KeysetCommand } from '../../../server-stub/src/keyset/transitions.js';
import { DAY, demoted, keyset, ringOf } from './rings.js';

const NOW = 40 * DAY;
const ring = ringOf(keyset('p', 'PREPARED', 20), keyset('a', 'ACTIVE', 10), keyset('t', 'TAINTED', 0));
const states = ({ keysets }: Ring): string => keysets.map(({ id, state }) => `${id}:${state}`).join(' ');

const table: { do: KeysetCommand; id: string; want: string }[] = [
  { do: 'activate', id: 'p', want: 'p:ACTIVE a:PREPARED t:TAINTED' },
  { do: 'activate', id: 'a', want: 'unchanged' },
  { do: 'activate', id: 't', want: 'cannot activate tainted key set' },
  { do: 'taint', id: 'p', want: 'p:TAINTED a:ACTIVE t:TAINTED' },
  { do: 'taint', id: 'a', want: 'cannot taint active key set' },
  { do: 'taint', id: 't', want: 'unchanged' },
  { do: 'remove', id: 'p', want: 'cannot remove a key set that is not tainted' },
  { do: 'remove', id: 'a', want: 'cannot remove active key set' },
  { do: 'remove', id: 't', want: 'p:PREPARED a:ACTIVE' },
  { do: 'retire', id: 'p', want: 'a:ACTIVE t:TAINTED' },
  { do: 'retire', id: 'a', want: 'cannot retire active key set' },
  { do: 'retire', id: 't', want: 'cannot retire tainted key set' },
];
for (const { do: command, id, want } of table) {
  test(`${command} ${id} of p:PREPARED a:ACTIVE t:TAINTED: ${want}`, (t) => {
    const apply = () => applyChange(ring, { do: command, keysetId: id }, NOW);
    if (want.startsWith('cannot')) {
      t.throws(apply, { code: 'KEYSET_TRANSITION_REFUSED', message: want });
    } else if (want === 'unchanged') {
      t.is(apply(), ring);
    } else {
      const next = apply();
      t.is(states(next), want);
      t.is(next.revision, ring.revision + 1);
      t.is(next.writtenAt, NOW);
    }
  });
}

test('who steps down remembers when, who steps up remembers the first time', (t) => {
  const find = (of: Ring, id: string): Keyset | undefined => of.keysets.find((k) => k.id === id);
  const first = applyChange(ring, { do: 'activate', keysetId: 'p' }, NOW);
  t.is(find(first, 'p')?.firstActivatedAt, NOW);
  t.is(find(first, 'a')?.demotedAt, NOW);
  const back = applyChange(first, { do: 'activate', keysetId: 'a' }, NOW + DAY);
  t.is(find(back, 'a')?.firstActivatedAt, 10 * DAY);
  t.is(find(back, 'p')?.demotedAt, NOW + DAY);
});

test('a keyset that has ended is not activated', (t) => {
  const late = () => applyChange(ring, { do: 'activate', keysetId: 'p' }, 110 * DAY);
  t.throws(late, { code: 'KEYSET_TRANSITION_REFUSED', message: 'cannot activate expired key set' });
});

test('repeating remove of a removed keyset changes nothing; every other command does not know it', (t) => {
  const without = applyChange(ring, { do: 'remove', keysetId: 't' }, NOW);
  t.deepEqual(without.tombstones, [{ id: 't', removedAt: NOW }]);
  t.is(applyChange(without, { do: 'remove', keysetId: 't' }, NOW), without);
  for (const command of ['activate', 'taint'] as const) {
    t.throws(() => applyChange(without, { do: command, keysetId: 't' }, NOW), {
      code: 'NOT_FOUND',
      message: 'key set t not found',
    });
  }
  for (const command of ['activate', 'taint', 'remove'] as const) {
    t.throws(() => applyChange(ring, { do: command, keysetId: 'x' }, NOW), {
      code: 'NOT_FOUND',
      message: 'key set x not found',
    });
  }
});

test('a ring has room for 16 keysets', (t) => {
  let full = emptyRing(0);
  for (let i = 0; i < MAX_KEYSETS; i++)
    full = applyChange(full, { do: 'add', keyset: keyset(`k${i}`, 'PREPARED', i) }, 0);
  t.is(full.keysets.length, 16);
  t.is(full.keysets[0]?.id, 'k15');
  t.throws(() => applyChange(full, { do: 'add', keyset: keyset('one more', 'PREPARED', 0) }, 0), {
    code: 'LIMIT_REACHED',
  });
});

test('times in the ring do not go back with the clock', (t) => {
  const written = applyChange(ring, { do: 'taint', keysetId: 'p' }, NOW);
  const earlier = applyChange(written, { do: 'remove', keysetId: 'p' }, NOW - DAY);
  t.is(earlier.writtenAt, NOW);
  t.is(earlier.tombstones[0]?.removedAt, NOW);
});

test('nothing is signed while the clock stands before the last write', (t) => {
  const written = { ...ring, writtenAt: NOW };
  t.false(signingAllowedAt(written, NOW - 1));
  t.true(signingAllowedAt(written, NOW));
  t.throws(() => assertClock(written, NOW - 1), { code: 'CLOCK_WENT_BACK' });
  t.notThrows(() => assertClock(written, NOW));
});

test('the sequence grows with revisions, and more with epochs', (t) => {
  const later = applyChange(ring, { do: 'taint', keysetId: 'p' }, NOW);
  const restored = withRaisedEpoch(ring, Date.UTC(2026, 0, 1));
  const again = withRaisedEpoch(ring, Date.UTC(2026, 0, 2));
  const order = [ring, later, restored, again].map(sequenceOf);
  t.deepEqual(
    [...order].sort((a, b) => a - b),
    order,
  );
  t.true(order.every(Number.isSafeInteger));
  const lastRevision = { ...ring, revision: 2 ** 20 - 1 };
  const over = applyChange(lastRevision, { do: 'taint', keysetId: 'p' }, NOW);
  t.deepEqual([over.epoch, over.revision], [2, 1]);
  t.true(sequenceOf(over) > sequenceOf(lastRevision));
});

test('ids have the published form, and none is used twice', (t) => {
  const id = newKeysetId(ring);
  t.notThrows(() => checkKeysetId(id));
  const offered = ['p', 'gone', 'free'];
  const used = { ...ring, tombstones: [{ id: 'gone', removedAt: 0 }] };
  t.is(
    newKeysetId(used, () => offered.shift() ?? ''),
    'free',
  );
  for (const bad of ['', 'ks_', 'ks_ABCDEFGHIJ', 'ks_abc', '../../ring', `${id}\n`, `${id}x`]) {
    t.throws(() => checkKeysetId(bad), { code: 'INVALID_REQUEST', message: /must match \^ks_\[a-z0-9\]\{10\}\$/ }, bad);
  }
});

test('a demoted keyset can be tainted', (t) => {
  const after = applyChange(
    ringOf(keyset('b', 'ACTIVE', 20), demoted('a', 0, 30)),
    { do: 'taint', keysetId: 'a' },
    NOW,
  );
  t.is(states(after), 'b:ACTIVE a:TAINTED');
});

test('who steps down is dated by the latest time at which it may have signed, the write by the clock', (t) => {
  const after = applyChange(ring, { do: 'activate', keysetId: 'p' }, NOW, NOW + DAY);
  t.is(after.keysets.find(({ id }) => id === 'a')?.demotedAt, NOW + DAY);
  t.is(after.writtenAt, NOW);
});
