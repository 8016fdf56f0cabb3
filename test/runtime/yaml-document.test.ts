import test from 'ava';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { hasCode } from '../../src/runtime/errors.js';
import { MAX_YAML_BYTES, parseYaml } from '../../src/runtime/yaml-document.js';

const bomb = [
  'a: &a [x,x,x,x,x,x,x,x,x]',
  ...'bcdefghi'.split('').map(
    (name, at) =>
      `${name}: &${name} [${Array(9)
        .fill(`*${'abcdefgh'.charAt(at)}`)
        .join(',')}]`,
  ),
].join('\n');

const refused: readonly { name: string; text: string; told: RegExp }[] = [
  { name: 'an alias bomb', text: bomb, told: /aliases are not supported/ },
  { name: 'a document that contains itself', text: 'a: &a [*a]', told: /line 1, column 8: aliases/ },
  { name: 'a duplicate key', text: 'a: 1\nb:\n  c: 1\n  c: 2\n', told: /line 4, column 3: duplicate key "c"/ },
  { name: 'two documents', text: 'a: 1\n---\nb: 2\n', told: /exactly one YAML document/ },
  { name: 'a tab as indentation', text: 'a:\n\tb: 1\n', told: /line 2/ },
  { name: 'an unclosed bracket', text: 'a: [1, 2\n', told: /line \d/ },
  { name: 'a custom tag', text: 'a: !!js/function x', told: /line 1, column 4: Unresolved tag/ },
  { name: 'a key that is a list', text: '? [a, b]\n: c', told: /a key must be a plain word/ },
  {
    name: 'a document larger than the bound',
    text: `a: ${'x'.repeat(MAX_YAML_BYTES)}`,
    told: /larger than 262144 bytes/,
  },
  { name: 'flow nesting without end', text: '['.repeat(100_000), told: /nested deeper than 32/ },
  { name: 'block nesting without end', text: `${'- '.repeat(100_000)}a`, told: /nested deeper than 32/ },
];
for (const { name, text, told } of refused) {
  test(`${name} is refused, the place and the reason told`, (t) => {
    const error = t.throws(() => parseYaml(text, 'agent.yaml'));
    t.true(hasCode(error, 'INVALID_CONFIG'));
    t.regex(error.message, /^agent\.yaml is not valid:/);
    t.regex(error.message, told);
  });
}

test('many keys are read in linear time, each only once', (t) => {
  const text = Array.from({ length: 20_000 }, (_, at) => `k${at}: 1`).join('\n');
  t.is(Object.keys(parseYaml(text, 'x') as object).length, 20_000);
  t.throws(() => parseYaml(`${text}\nk7: 2`, 'x'), { message: /line 20001, column 1: duplicate key "k7"/ });
});

test('a key called __proto__ is a key and nothing else', (t) => {
  const value = parseYaml('__proto__: { polluted: true }', 'x') as object;
  t.deepEqual(Object.keys(value), ['__proto__']);
  t.false('polluted' in value);
});

test('an empty document is null, JSON is YAML', (t) => {
  t.is(parseYaml('', 'x'), null);
  t.is(parseYaml('# nothing\n', 'x'), null);
  t.deepEqual(parseYaml('{"a": [1, "b", null, true]}', 'x'), { a: [1, 'b', null, true] });
});

test('only the first twenty mistakes are told', (t) => {
  const error = t.throws(() => parseYaml('}\n'.repeat(1000), 'x'));
  t.true(error.message.split('\n').length < 60);
});

test('what YAML writes is read back', (t) => {
  const json = fc.jsonValue({ maxDepth: 4 });
  fc.assert(
    fc.property(json, (value) => {
      // JSON has no -0, YAML has.
      const plain: unknown = JSON.parse(JSON.stringify(value));
      t.deepEqual(parseYaml(stringify(plain, { aliasDuplicateObjects: false }), 'x'), plain);
    }),
    { numRuns: 50 },
  );
  t.pass();
});
