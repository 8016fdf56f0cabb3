import test from 'ava';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../src/runtime/duration.js';

const HOUR = 3_600_000;

const readable: readonly [text: string, ms: number][] = [
  ['720h', 720 * HOUR],
  ['2160h0m0s', 2160 * HOUR],
  ['10s', 10_000],
  ['500ms', 500],
  ['1.5h', 1.5 * HOUR],
  ['.5s', 500],
  ['1.001s', 1001],
  ['1m30s', 90_000],
  ['250us', 0.25],
  ['250µs', 0.25],
  ['0', 0],
  ['0s', 0],
];
for (const [text, ms] of readable) {
  test(`${text} is ${ms} ms`, (t) => t.is(parseDuration(text), ms));
}

const refused = [
  '',
  '5',
  '-5s',
  '+5s',
  '1d',
  '1 h',
  'h',
  '.s',
  '1e3s',
  '1h ',
  '1h\n',
  '9'.repeat(30) + 'h',
  '1h'.repeat(40),
];
for (const text of refused) {
  test(`${JSON.stringify(text)} is no duration`, (t) => t.is(parseDuration(text), undefined));
}

const printed: readonly [ms: number, text: string][] = [
  [0, '0s'],
  [2160 * HOUR, '2160h0m0s'],
  [90_000, '1m30s'],
  [1500, '1.5s'],
  [10_000, '10s'],
  [500, '500ms'],
  [0.25, '250µs'],
  [0.000001, '1ns'],
  [-1000, '-1s'],
  [HOUR + 1, '1h0m0.001s'],
];
for (const [ms, text] of printed) {
  test(`${ms} ms is printed ${text}`, (t) => t.is(formatDuration(ms), text));
}

test('what is printed reads back as the same number of milliseconds', (t) => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 42 }), (ms) => parseDuration(formatDuration(ms)) === ms));
  t.pass();
});

test('no text makes the parser throw or answer anything but a number of milliseconds', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const ms = parseDuration(text);
      return ms === undefined || (Number.isFinite(ms) && ms >= 0);
    }),
  );
  t.pass();
});
