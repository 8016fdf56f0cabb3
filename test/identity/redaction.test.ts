import test from 'ava';
import fc from 'fast-check';
import { attributeSegments, matchesFilter, parseAttributeFilter } from '../../src/domain/attribute-filter.js';
import { readAttributeRedaction } from '../../src/domain/attribute-redaction.js';
import { redactAttributes } from '../../src/identity/redact-attributes.js';
import { createRedaction } from '../../src/identity/redaction.js';
import { RecordingLogger } from '../fakes/recording-logger.js';

const attributes = {
  'kubernetes.pod.label[app.kubernetes.io/name]': ['web'],
  'kubernetes.pod.namespace': ['production'],
  'linux.user.id': ['0'],
  'linux.user.name': ['root'],
};
const spec = (...filters: unknown[]) => ({ policy: { allowList: { filters } } });
const allowed = (...filters: string[]) =>
  Object.keys(redactAttributes(attributes, readAttributeRedaction(spec(...filters)).spec).attributes);

const filters: readonly { filter: string; name: string; matches: boolean }[] = [
  { filter: 'linux.user.name', name: 'linux.user.name', matches: true },
  { filter: 'linux.user', name: 'linux.user.name', matches: false },
  { filter: 'linux.*', name: 'linux.user.name', matches: false },
  { filter: 'linux.*.name', name: 'linux.user.name', matches: true },
  { filter: 'linux.user.*', name: 'linux.user.name', matches: true },
  { filter: 'linux.user.n*', name: 'linux.user.name', matches: true },
  { filter: 'linux.user.name*', name: 'linux.user.name', matches: true },
  { filter: 'linux.user.na?e', name: 'linux.user.name', matches: true },
  { filter: 'linux.user.name?', name: 'linux.user.name', matches: false },
  { filter: 'linux.user.*?', name: 'linux.user.id', matches: true },
  { filter: 'linux.u*r.*d', name: 'linux.user.id', matches: true },
  { filter: "a.'b.c/d'", name: 'a[b.c/d]', matches: true },
  { filter: "a.'b.*/d'", name: 'a[b.c/d]', matches: true },
  { filter: 'a.b.c/d', name: 'a[b.c/d]', matches: false },
  { filter: 'LINUX.user.id', name: 'linux.user.id', matches: false },
  { filter: '*.*.*', name: 'linux.user.id', matches: true },
];
for (const { filter, name, matches } of filters) {
  test(`${filter} ${matches ? 'allows' : 'does not allow'} ${name}`, (t) => {
    t.is(matchesFilter(parseAttributeFilter(filter), attributeSegments(name)), matches);
  });
}

for (const filter of ['', '.', 'a.', '.a', 'a..b', "a.'b", "a.''", "a.'b'c", 'a\nb', 'x'.repeat(513), 7]) {
  test(`${JSON.stringify(filter).slice(0, 20)} is no filter`, (t) => {
    t.throws(() => parseAttributeFilter(filter), { code: 'INVALID_CONFIG' } as never);
  });
}

test('a segment pattern matches what the same regular expression matches', (t) => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 8 });
  const word = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(letters, word, (pattern, text) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text);
      return matchesFilter(parseAttributeFilter(pattern), [text]) === expected;
    }),
    { numRuns: 2000 },
  );
  t.pass();
});

test('a pattern that explodes in regular expressions is answered at once', (t) => {
  const filter = parseAttributeFilter(`${'*a'.repeat(200)}b`);
  t.false(matchesFilter(filter, ['a'.repeat(4096)]));
});

test('a quoted name allows that name and nothing else', (t) => {
  const key = fc.stringMatching(/^[a-z0-9._/-]{1,20}$/);
  fc.assert(
    fc.property(key, key, (a, b) => {
      const filter = parseAttributeFilter(`label.'${a}'`);
      return matchesFilter(filter, attributeSegments(`label[${b}]`)) === (a === b);
    }),
  );
  t.pass();
});

test('without a policy everything is sent; with one only what a filter allows', (t) => {
  t.deepEqual(Object.keys(redactAttributes(attributes, readAttributeRedaction(undefined).spec).attributes).length, 4);
  t.deepEqual(allowed(), []);
  t.deepEqual(allowed("kubernetes.pod.label.'app.kubernetes.io/name'", 'linux.*.name'), [
    'kubernetes.pod.label[app.kubernetes.io/name]',
    'linux.user.name',
  ]);
});

const wrong: readonly { name: string; spec: unknown; path: string }[] = [
  { name: 'a policy without a list', spec: { policy: {} }, path: '/policy/allowList/filters' },
  {
    name: 'filters that are no list',
    spec: { policy: { allowList: { filters: 'a' } } },
    path: '/policy/allowList/filters',
  },
  { name: 'a deny list', spec: { policy: { denyList: {} } }, path: '/policy/denyList' },
  { name: 'a filter that is none', spec: spec('a.'), path: '/policy/allowList/filters/0' },
  { name: 'a text instead of a spec', spec: 'all', path: '' },
];
for (const { name, spec, path } of wrong) {
  test(`${name} lets nothing through and is told`, (t) => {
    const read = readAttributeRedaction(spec);
    t.deepEqual(
      read.problems.map((problem) => problem.path),
      [path],
    );
    t.deepEqual(Object.keys(redactAttributes(attributes, read.spec).attributes), []);
  });
}

test('each request is logged with what was sent and the names of what was not; a new policy holds at once', (t) => {
  const logger = new RecordingLogger();
  let section: unknown = spec('linux.user.name');
  const redaction = createRedaction(() => section, logger);
  t.deepEqual({ ...redaction.redact(attributes) }, { 'linux.user.name': ['root'] });
  t.deepEqual(logger.lines, [
    {
      level: 'info',
      message: 'Attestation finished',
      fields: {
        attributes: ['linux:linux.user.name="root"'],
        redactions: ['kubernetes.pod.label[app.kubernetes.io/name]', 'kubernetes.pod.namespace', 'linux.user.id'],
      },
    },
  ]);
  section = undefined;
  t.is(Object.keys(redaction.redact(attributes)).length, 4);
  t.deepEqual(logger.lines[1]?.fields['redactions'], []);
});

test('a log line lists a bounded number of values', (t) => {
  const logger = new RecordingLogger();
  createRedaction(() => undefined, logger).redact({ 'linux.supp_group.id': Array.from({ length: 1000 }, String) });
  t.is((logger.lines[0]?.fields['attributes'] as string[]).length, 65);
});
