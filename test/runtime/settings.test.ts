import test from 'ava';
import fc from 'fast-check';
import { Problems } from '../../src/runtime/problems.js';
import { overlaySettings } from '../../src/runtime/settings-overlay.js';
import { settingNames, settingsTable } from '../../src/runtime/settings-table.js';
import {
  duration,
  flag,
  integer,
  readSettings,
  text,
  textList,
  type SettingGroup,
} from '../../src/runtime/settings.js';

const GROUP = {
  name: text('A name.', 'x | y'),
  deep: { count: integer('A count.', 3, 1, 9), on: flag('A switch.', 'false') },
  wait: duration('A wait.', '10s', { min: '1s', max: '1m' }),
  list: textList('Some.', undefined, 2),
} as const satisfies SettingGroup;

function read(input: unknown) {
  const problems = new Problems();
  const value = readSettings(GROUP, input, problems);
  return { value, problems: problems.all };
}

test('values in quotes are values', (t) => {
  const { value, problems } = read({ deep: { count: '4', on: 'true' }, wait: '30s', list: ['a'] });
  t.deepEqual(problems, []);
  t.deepEqual(value, { name: 'x | y', deep: { count: 4, on: true }, wait: 30_000, list: ['a'] });
});

test('every problem is told, each once, with its JSON pointer', (t) => {
  const input = { name: 7, deep: { count: 10, off: 1 }, wait: '2m', list: ['a', 'b', 'c'], 'x/y': 1 };
  t.deepEqual(
    read(input).problems.map(({ path }) => path),
    ['/x~1y', '/name', '/deep/off', '/deep/count', '/wait', '/list'],
  );
});

test('no input makes the reader throw, and what is accepted is within its bounds', (t) => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (count, name) => {
      const { value, problems } = read({ name, deep: { count } });
      return problems.length > 0 || (value.deep.count >= 1 && value.deep.count <= 9 && value.name.length > 0);
    }),
  );
  fc.assert(fc.property(fc.anything(), (input) => read(input).problems.length >= 0));
  t.pass();
});

test('overrides are laid over a copy; undefined leaves what is there', (t) => {
  const document = { deep: { count: 4 }, name: 'a' };
  const laid = overlaySettings(document, { 'deep.on': true, name: undefined, 'new.group': 1 });
  t.deepEqual(laid, { deep: { count: 4, on: true }, name: 'a', new: { group: 1 } });
  t.deepEqual(document, { deep: { count: 4 }, name: 'a' });
  t.deepEqual(overlaySettings(null, { a: 1 }), { a: 1 });
  t.deepEqual(overlaySettings({ a: [1] }, { 'a.b': 1 }), { a: { b: 1 } });
});

test('an override named __proto__ pollutes nothing', (t) => {
  overlaySettings({}, { '__proto__.polluted': true });
  t.false('polluted' in {});
});

test('the reference has one row for each setting', (t) => {
  t.deepEqual(settingNames(GROUP), ['name', 'deep.count', 'deep.on', 'wait', 'list']);
  const rows = settingsTable(GROUP).split('\n');
  t.is(rows.length, 2 + 5);
  t.is(rows[2], '| `name` | text | x \\| y | A name. |');
  t.is(rows[3], '| `deep.count` | 1 to 9 | `3` | A count. |');
});
