import test from 'ava';
import { readBaseline } from '../../bench/guard/read-baseline.js';
import { reportPage } from '../../bench/report/page.js';
import { readArguments } from '../../bench/run-options.js';

const COMMAND = { name: 'npm run bench', rows: ['B1', 'B10'], flags: { quick: 'shorter', 'full-time': 'longer' } };

test('a run is of the rows that were named, in any case, with the options that were given', (t) => {
  const asked = readArguments(['b10', '--full-time'], COMMAND);
  if ('say' in asked) return t.fail(asked.say);
  t.deepEqual(asked.rows, ['B10']);
  t.deepEqual([asked.has('full-time'), asked.has('quick')], [true, false]);
});

test('help is said, and nothing is run', (t) => {
  for (const help of ['--help', '-h']) {
    const asked = readArguments(['B1', help], COMMAND);
    t.like(asked, { exitCode: 0 });
    t.regex('say' in asked ? asked.say : '', /^Usage: npm run bench -- \[ROW \.\.\.\].*B1, B10.*--quick +shorter/s);
  }
});

const refused = [
  {
    name: 'an option with a typing error',
    args: ['--quik'],
    say: /^error: unknown option '--quik'\n\(Did you mean --quick\?\)\n$/,
  },
  { name: 'a short option', args: ['-q'], say: /^error: unknown option '-q'\n/ },
  { name: 'a value of an option that takes none', args: ['--quick=no'], say: /^error: unknown option '--quick=no'\n/ },
  {
    name: 'a row that is not there',
    args: ['B1', 'B2'],
    say: /^error: command-argument value 'B2' is invalid for argument 'ROW'\. There are B1, B10\.\n$/,
  },
];
for (const { name, args, say } of refused) {
  test(`nothing is run with ${name}`, (t) => {
    const asked = readArguments(args, COMMAND);
    t.like(asked, { exitCode: 2 });
    t.regex('say' in asked ? asked.say : '', say);
  });
}

test('a baseline that cannot be compared with says what it lacks', (t) => {
  t.throws(() => readBaseline('{bad'), { message: /^it is no JSON/ });
  for (const text of [
    'null',
    '{}',
    '{"guard":{"rows":[]}}',
    '{"guard":{"figures":{}}}',
    '{"guard":{"rows":[],"figures":null}}',
  ]) {
    t.throws(() => readBaseline(text), { message: 'it has no figures of the guard' });
  }
  t.deepEqual(readBaseline('{"guard":{"about":"today","rows":["B1"],"figures":{}}}').rows, ['B1']);
});

test('the page says why a row has no figures', (t) => {
  const row = { id: 'B5', work: 'fetch', anchor: 'bare', figures: [], failure: 'no <agent>' };
  t.regex(reportPage([row], 'today'), /FAILED: no &lt;agent&gt;/);
});
