import test from 'ava';
import type { Keyset } from '../../../server-stub/src/domain/keyset.js';
import { dueStep, tickMs, type RotationStep } from '../../../server-stub/src/keyset/rotation-schedule.js';
import { DAY, demoted, keyset, policy, ringOf } from './rings.js';

const HOUR = DAY / 24;
const prepare: RotationStep = { do: 'prepare' };
const activate = (keysetId: string): RotationStep => ({ do: 'activate', keysetId });
const retire = (keysetId: string): RotationStep => ({ do: 'retire', keysetId });
const active = keyset('a', 'ACTIVE', 0);
/** A day long: an upstream gave one nineteenth of what was asked for. */
const short = keyset('a', 'ACTIVE', 0, { expiresAt: DAY });
const shortSuccessor = (hour: number) =>
  keyset('b', 'PREPARED', 0, { createdAt: hour * HOUR, expiresAt: hour * HOUR + DAY });

const cases: { name: string; ring: Keyset[]; day: number; want: RotationStep | undefined }[] = [
  { name: 'an empty ring prepares its first keyset', ring: [], day: 0, want: prepare },
  { name: 'the first keyset is activated at once', ring: [keyset('a', 'PREPARED', 0)], day: 0, want: activate('a') },
  { name: 'nothing is due in the middle of a life', ring: [active], day: 40, want: undefined },
  { name: 'before the window nothing is prepared', ring: [active], day: 75.99, want: undefined },
  { name: '14 days before expiry a successor is prepared', ring: [active], day: 76, want: prepare },
  {
    name: 'a successor waits until it is 7 days old',
    ring: [keyset('b', 'PREPARED', 76), active],
    day: 82.99,
    want: undefined,
  },
  {
    name: 'a successor that is 7 days old is activated',
    ring: [keyset('b', 'PREPARED', 76), active],
    day: 83,
    want: activate('b'),
  },
  {
    name: 'the demoted predecessor is not taken for a successor',
    ring: [keyset('b', 'ACTIVE', 76), demoted('a', 0, 83)],
    day: 84,
    want: undefined,
  },
  {
    name: 'what an operator prepared early waits for the operator',
    ring: [keyset('b', 'PREPARED', 10), active],
    day: 40,
    want: undefined,
  },
  {
    name: 'in the window what an operator prepared early is the successor',
    ring: [keyset('b', 'PREPARED', 10), active],
    day: 76,
    want: activate('b'),
  },
  {
    name: 'of two that are old enough the one that ends later is activated',
    ring: [keyset('c', 'PREPARED', 30), keyset('b', 'PREPARED', 10), active],
    day: 76,
    want: activate('c'),
  },
  { name: 'a tainted keyset is no successor', ring: [keyset('b', 'TAINTED', 76), active], day: 84, want: prepare },
  {
    name: 'a rollback is not undone',
    ring: [demoted('b', 10, 40), keyset('a', 'ACTIVE', 0)],
    day: 41,
    want: undefined,
  },
  {
    name: 'after a rollback the window asks for a new keyset',
    ring: [demoted('b', 60, 75), keyset('a', 'ACTIVE', 0)],
    day: 76,
    want: prepare,
  },
  {
    name: 'what ends before the active keyset is no successor',
    ring: [keyset('a', 'ACTIVE', 50), keyset('b', 'PREPARED', 45)],
    day: 126,
    want: prepare,
  },
  {
    name: 'a successor made late takes over half-way to the end',
    ring: [keyset('b', 'PREPARED', 86), active],
    day: 87.99,
    want: undefined,
  },
  { name: 'and is not later than that', ring: [keyset('b', 'PREPARED', 86), active], day: 88, want: activate('b') },
  {
    name: 'when the active keyset has ended nobody waits',
    ring: [keyset('b', 'PREPARED', 95), active],
    day: 95,
    want: activate('b'),
  },
  {
    name: 'a demoted keyset stays while its last SVIDs live',
    ring: [keyset('b', 'ACTIVE', 76), demoted('a', 50, 83)],
    day: 90,
    want: undefined,
  },
  {
    name: 'a demoted keyset retires after the longest SVID and the skew',
    ring: [keyset('b', 'ACTIVE', 76), demoted('a', 50, 83)],
    day: 90.01,
    want: retire('a'),
  },
  {
    name: 'no SVID outlives its keyset, so a keyset that ended is spent',
    ring: [keyset('b', 'ACTIVE', 76), demoted('a', 0, 89)],
    day: 90.01,
    want: retire('a'),
  },
  {
    name: 'a tainted keyset is left to the operator',
    ring: [keyset('b', 'ACTIVE', 76), keyset('a', 'TAINTED', 0)],
    day: 120,
    want: undefined,
  },
  {
    name: 'a successor nobody activated is spent at its end',
    ring: [keyset('b', 'ACTIVE', 76), keyset('a', 'PREPARED', 0)],
    day: 90.01,
    want: retire('a'),
  },
  { name: 'a short life shrinks the window', ring: [short], day: 20.26 / 24, want: undefined },
  { name: 'a short life opens its window in proportion', ring: [short], day: 20.27 / 24, want: prepare },
  {
    name: 'a short successor waits in proportion',
    ring: [shortSuccessor(20.3), short],
    day: 22.1 / 24,
    want: undefined,
  },
  {
    name: 'a short successor is activated in proportion',
    ring: [shortSuccessor(20.3), short],
    day: 22.2 / 24,
    want: activate('b'),
  },
];
for (const { name, ring, day, want } of cases) {
  test(name, (t) => t.deepEqual(dueStep(ringOf(...ring), policy, day * DAY), want));
}

test('while the clock stands before the last write nothing is due', (t) => {
  t.is(dueStep({ ...ringOf(), writtenAt: DAY }, policy, DAY - 1), undefined);
  t.deepEqual(dueStep({ ...ringOf(), writtenAt: DAY }, policy, DAY), prepare);
});

test('the schedule looks more often when keysets live shorter', (t) => {
  t.is(tickMs(ringOf(active), policy), 60_000);
  t.is(tickMs(ringOf(keyset('a', 'ACTIVE', 0, { expiresAt: 60_000 })), policy), (60_000 * (7 / 90)) / 20);
  t.is(tickMs(ringOf(keyset('a', 'ACTIVE', 0, { expiresAt: 1 })), policy), 200);
});
