import test from 'ava';
import {
  livingAuthorities,
  SESSION_CA_LIFETIME_MS,
  signingAuthority,
  successorIsDue,
} from '../../../server-stub/src/session-ca/ca-schedule.js';

const DAY = 86_400_000;
const ca = (name: string, madeOnDay: number) => ({
  name,
  notBefore: madeOnDay * DAY,
  notAfter: madeOnDay * DAY + SESSION_CA_LIFETIME_MS,
});

const cases: { name: string; day: number; cas: ReturnType<typeof ca>[]; due: boolean; signs: string | undefined }[] = [
  { name: 'without any a first one is due', day: 0, cas: [], due: true, signs: undefined },
  { name: 'a young one needs no successor', day: 100, cas: [ca('a', 0)], due: false, signs: 'a' },
  { name: 'two years before its end a successor is due', day: 730, cas: [ca('a', 0)], due: true, signs: 'a' },
  {
    name: 'the successor is told, but does not sign',
    day: 731,
    cas: [ca('a', 0), ca('b', 730)],
    due: false,
    signs: 'a',
  },
  { name: 'it signs from 60 days before the end', day: 1400, cas: [ca('a', 0), ca('b', 730)], due: false, signs: 'b' },
  {
    name: 'the order in the record does not matter',
    day: 1000,
    cas: [ca('b', 730), ca('a', 0)],
    due: false,
    signs: 'a',
  },
  { name: 'an ended one is forgotten', day: 1460, cas: [ca('a', 0), ca('b', 730)], due: true, signs: 'b' },
  { name: 'after years of silence all have ended', day: 9000, cas: [ca('a', 0)], due: true, signs: undefined },
  { name: 'the last one signs to its end', day: 1459, cas: [ca('a', 0)], due: true, signs: 'a' },
];

for (const { name, day, cas, due, signs } of cases) {
  test(name, (t) => {
    t.is(successorIsDue(cas, day * DAY), due);
    t.is(signingAuthority(cas, day * DAY)?.name, signs);
    t.true(livingAuthorities(cas, day * DAY).every(({ notAfter }) => notAfter > day * DAY));
  });
}
