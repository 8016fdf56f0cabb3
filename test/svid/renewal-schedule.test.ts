import test from 'ava';
import { isExpiring, lifetimeOf, renewalDueAt, renewalFraction } from '../../src/svid/renewal-schedule.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('10,000 SVIDs issued together are due evenly over the whole window, each at one fixed moment', (t) => {
  const issuedAt = Date.UTC(2026, 0, 1);
  const lifetime = lifetimeOf({ notBefore: issuedAt - 60_000, notAfter: issuedAt + DAY }, issuedAt);
  const due = Array.from({ length: 10_000 }, (_, i) =>
    renewalDueAt(lifetime, renewalFraction(`a-${i % 100}`, `spiffe://example.org/w${i}`, i.toString(16))),
  );
  const parts = due.map((at) => (at - lifetime.start) / (lifetime.end - lifetime.start));
  t.true(parts.every((part) => part >= 0.4 && part < 0.5));
  const buckets = Array<number>(20).fill(0);
  for (const part of parts) {
    const bucket = Math.floor((part - 0.4) * 200);
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  t.true(Math.max(...buckets) < 1.5 * (10_000 / 20));
  t.true(Math.min(...buckets) > 0.5 * (10_000 / 20));
  t.is(renewalFraction('a-1', 'i', 's'), renewalFraction('a-1', 'i', 's'));
});

test('agent, identity and serial each change the moment', (t) => {
  const all = [
    renewalFraction('a-1', 'i', 's'),
    renewalFraction('a-2', 'i', 's'),
    renewalFraction('a-1', 'j', 's'),
    renewalFraction('a-1', 'i', 't'),
    renewalFraction('a-1i', '', 's'),
  ];
  t.is(new Set(all).size, all.length);
});

const now = Date.UTC(2026, 0, 1);
const lifetimes = [
  { name: 'a day, backdated by a minute', notBefore: -60_000, notAfter: DAY, start: -60_000 },
  { name: 'an hour, backdated by a minute', notBefore: -60_000, notAfter: HOUR, start: -60_000 },
  { name: 'ten seconds in a lab', notBefore: -60_000, notAfter: 10_000, start: 0 },
  { name: 'our clock is behind', notBefore: 30_000, notAfter: HOUR, start: 30_000 },
  { name: 'our clock is far ahead', notBefore: -HOUR, notAfter: HOUR, start: 0 },
  { name: 'expired when it came', notBefore: -2 * HOUR, notAfter: -HOUR, start: -HOUR },
];
for (const { name, notBefore, notAfter, start } of lifetimes) {
  test(`lifetime: ${name}`, (t) => {
    const lifetime = lifetimeOf({ notBefore: now + notBefore, notAfter: now + notAfter }, now);
    t.deepEqual(lifetime, { start: now + start, end: now + notAfter });
  });
}

test('an SVID counts as expiring one minute after half of its life', (t) => {
  const lifetime = { start: 0, end: 2 * HOUR };
  t.false(isExpiring(lifetime, HOUR + 60_000));
  t.true(isExpiring(lifetime, HOUR + 60_001));
});
