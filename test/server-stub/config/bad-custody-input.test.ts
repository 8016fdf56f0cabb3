import test from 'ava';
import { readSectionDocuments } from '../../../server-stub/src/config/managed-document.js';
import { sectionTypesOf } from '../../../server-stub/src/deployment-sections.js';
import {
  ALTERNATIVES,
  ENUMERATED,
  EXTENSIONS,
  MISSHAPEN,
  OF_ANOTHER_TYPE,
  RIGHT,
  SECTIONS,
  type FieldSchema,
} from './bad-custody-input.js';

// Every field of the managed sections of custody, as the schemas have them, in every way to be wrong, through the door of `config set`.

const HOUR = 3_600_000;
const settings = { svid: { x509TTL: HOUR, jwtTTL: HOUR }, labTtl: false, extensions: EXTENSIONS };
// The optional binding of PKCS#11 is compiled where it is wanted; these tests are about values.
const types = sectionTypesOf(settings, () => undefined);

type Fields = Readonly<Record<string, unknown>>;

function problemsOf(section: string, spec: unknown): readonly { readonly path: string; readonly reason: string }[] {
  const scope = { kind: 'trust-domain-deployment', id: 'tdd-1' } as const;
  return readSectionDocuments([JSON.stringify({ section, schema: 'v1', spec })], scope, types).problems;
}

const providers = Object.entries(SECTIONS).flatMap(([section, schema]) =>
  Object.entries(schema.properties.extensions.properties).map(([provider, { required = [], properties }]) => ({
    ...{ section, provider, required, properties, name: `${section}.${provider}` },
    at: `/spec/extensions/${provider}`,
    refused: (fields: unknown) => problemsOf(section, { extensions: { [provider]: fields } }),
  })),
);
const fields = providers.flatMap((provider) =>
  Object.entries(provider.properties).map(([field, schema]) => ({
    ...provider,
    ...{ field, schema, name: `${provider.name}.${field}`, pointer: `${provider.at}/${field}` },
  })),
);

/** Right settings with this field given. */
function around({ name, field, section, provider }: (typeof fields)[number]): Fields {
  const right = RIGHT[`${section}.${provider}`] ?? {};
  const instead = ALTERNATIVES[name];
  if (instead === undefined) return right;
  const others = Object.entries(right).filter(([other]) => other !== instead.insteadOf);
  return { ...Object.fromEntries(others), [field]: instead.value };
}

test('every field of every schema has values of a wrong shape in the table, and the table has no others', (t) => {
  t.deepEqual(Object.keys(MISSHAPEN).sort(), fields.map(({ name }) => name).sort());
  t.deepEqual(Object.keys(RIGHT).sort(), providers.map(({ name }) => name).sort());
  for (const one of fields) t.true(Object.hasOwn(around(one), one.field), `a right value of ${one.name}`);
});

for (const { name, refused, section, provider } of providers) {
  test(`${name}: what is right is accepted, all of it and without what may be left out`, (t) => {
    for (const one of fields.filter((field) => field.section === section && field.provider === provider)) {
      t.deepEqual(refused(around(one)), []);
    }
  });
}

for (const one of fields) {
  const { name, refused, field, schema, pointer, at, required } = one;
  const right = around(one);
  test(`${name}: each value of another type or shape is told at its place, and nothing else is`, (t) => {
    const { values, told } = schema.enum === undefined ? OF_ANOTHER_TYPE[schema.type] : ENUMERATED;
    for (const value of values) {
      const problems = refused({ ...right, [field]: value });
      t.deepEqual(
        problems.map(({ path }) => path),
        [pointer],
        JSON.stringify(value),
      );
      t.regex(problems[0]?.reason ?? '', told);
      t.true(problems[0]?.reason.includes(expectedOf(schema)), 'what is expected instead');
    }
    for (const { value, told: says, at: below = '' } of MISSHAPEN[name] ?? []) {
      const problems = refused({ ...right, [field]: value });
      t.deepEqual(
        problems.map(({ path }) => path),
        [pointer + below],
        JSON.stringify(value),
      );
      t.regex(problems[0]?.reason ?? '', says);
    }
  });

  test(`${name}: a misspelt neighbour is named, with the right spelling`, (t) => {
    const problems = refused({ ...right, [`${field}X`]: 'a' });
    t.deepEqual(
      problems.map(({ path }) => path),
      [`${at}/${field}X`],
    );
    t.regex(problems[0]?.reason ?? '', new RegExp(`^unknown setting \\(known: .*\\b${field}\\b`));
  });

  if (required.includes(field)) {
    test(`${name}: missing, empty or null, it is told as required, with what it is`, (t) => {
      for (const value of [undefined, '', null]) {
        const problems = refused({ ...right, [field]: value });
        t.deepEqual(problems, [
          { section: one.section, path: pointer, reason: `${String(schema.description)} is required` },
        ]);
      }
    });
  }
}

/** What a message has to name beside the type. */
function expectedOf({ type, description, enum: values }: FieldSchema): string {
  return values?.join(', ') ?? description ?? (type === 'integer' ? 'a whole number' : 'a description is missing');
}

for (const { name, section, provider, properties, at, refused } of providers) {
  test(`${name}: everything that is wrong is told at once`, (t) => {
    const names = Object.keys(properties);
    const wrong = Object.fromEntries(
      names.map((field) => [field, MISSHAPEN[`${name}.${field}`]?.find(({ at: below }) => below === undefined)?.value]),
    );
    const paths = refused({ ...wrong, unheard: 'of' }).map(({ path }) => path);
    // Two ways to give a PIN are one mistake more, of the provider.
    const both = names.some((field) => Object.hasOwn(ALTERNATIVES, `${name}.${field}`)) ? [at] : [];
    t.deepEqual([...paths].sort(), [...both, ...[...names, 'unheard'].map((field) => `${at}/${field}`)].sort());
    const beside = problemsOf(section, { extensions: { [provider]: wrong, unheard: {} }, extension: {} });
    t.true(beside.length >= names.length + 2);
  });
}

for (const section of Object.keys(SECTIONS)) {
  const names = providers.filter((one) => one.section === section).map(({ provider }) => provider);
  test(`${section}: what is no mapping, unknown or twice is told at its place`, (t) => {
    const places = (spec: unknown) => problemsOf(section, spec).map(({ path, reason }) => `${path}: ${reason}`);
    t.deepEqual(places('sealed'), ['/spec: a mapping is expected']);
    t.deepEqual(places({ extensions: ['awsKMS'] }), ['/spec/extensions: a mapping is expected']);
    t.deepEqual(places({ extension: {} }), ['/spec/extension: unknown setting (known: extensions)']);
    t.deepEqual(places({ extensions: { unheard: {} } }), [
      `/spec/extensions/unheard: unknown setting (known: ${names.join(', ')})`,
    ]);
    for (const name of names) {
      for (const value of ['yes', 5, true, ['a']]) {
        t.deepEqual(places({ extensions: { [name]: value } }), [`/spec/extensions/${name}: a mapping is expected`]);
      }
      for (const unset of [null, '']) t.deepEqual(places({ extensions: { [name]: unset } }), []);
    }
    const [one = '', other = ''] = names;
    const two = { [one]: RIGHT[`${section}.${one}`], [other]: RIGHT[`${section}.${other}`] };
    t.regex(
      places({ extensions: two })[0] ?? '',
      new RegExp(`^/spec/extensions: at most one .*${one} and ${other} are given$`),
    );
  });
}
