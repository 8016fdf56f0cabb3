import test from 'ava';
import { DrainRate } from '../../../server-stub/src/api/drain-rate.js';
import {
  ISSUANCE_LIMITS,
  itemsAhead,
  patienceMs,
  RETRY_MS,
  retryAfterMs,
} from '../../../server-stub/src/api/issuance-limits.js';

test('of eight items begun while both lines wait, seven are first issues', (t) => {
  t.is(itemsAhead('first', 0, 1_000), 0);
  t.is(itemsAhead('first', 700, 1_000), 800);
  t.is(itemsAhead('first', 700, 10), 710);
  t.is(itemsAhead('renewal', 10, 1_000), 80);
  t.is(itemsAhead('renewal', 1_000, 10), 1_010);
});

test('what is under way is taken off the patience where it takes long itself', (t) => {
  t.is(patienceMs(ISSUANCE_LIMITS, 64, undefined), ISSUANCE_LIMITS.waitMs);
  t.is(patienceMs(ISSUANCE_LIMITS, 64, 10_000), ISSUANCE_LIMITS.waitMs);
  t.is(patienceMs(ISSUANCE_LIMITS, 64, 10), ISSUANCE_LIMITS.answerMs - 6_400);
  t.is(patienceMs(ISSUANCE_LIMITS, 64, 1), RETRY_MS.least);
});

test('an agent is told to come when there will be room, neither at once nor never', (t) => {
  t.is(retryAfterMs(0, ISSUANCE_LIMITS), RETRY_MS.least);
  t.is(retryAfterMs(ISSUANCE_LIMITS.doorMs + 4_000, ISSUANCE_LIMITS), 4_000);
  t.is(retryAfterMs(1e9, ISSUANCE_LIMITS), RETRY_MS.most);
});

test('the rate of a line is that of what left while it was never empty', (t) => {
  const drain = new DrainRate();
  t.is(drain.at(0), undefined);
  drain.left(0);
  t.is(drain.at(0), undefined, 'nobody waited');
  drain.busy(0);
  for (let ms = 10; ms <= 1_000; ms += 10) drain.left(ms);
  t.is(Math.round(drain.at(1_000) ?? 0), 100);
  drain.idle();
  t.is(Math.round(drain.at(5_000) ?? 0), 100);
  t.is(drain.at(12_000), undefined, 'forgotten');
});

test('a line that stands still is slower with each moment', (t) => {
  const drain = new DrainRate();
  drain.busy(0);
  for (let ms = 10; ms <= 1_000; ms += 10) drain.left(ms);
  t.is(drain.at(5_000), 1_000 / 4_000);
  t.is(drain.at(9_000), 1_000 / 8_000);
});
