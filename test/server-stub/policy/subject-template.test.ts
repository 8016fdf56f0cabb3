import test from 'ava';
import fc from 'fast-check';
import { AttributeView } from '../../../server-stub/src/policy/attribute-view.js';
import { MalformedTemplate } from '../../../server-stub/src/policy/malformed-template.js';
import { SubjectTemplate } from '../../../server-stub/src/policy/subject-template.js';

type Rendered = string[][];
const SHORT: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.25': 'DC',
};

function render(text: string, attributes: Record<string, readonly string[]> = {}): Rendered {
  const view = new AttributeView(attributes, { clusterId: 'c-abc', clusterName: 'prod' });
  const name = new SubjectTemplate(text).render(view);
  return name.map((rdn) => rdn.map(({ oid, value }) => `${SHORT[oid] ?? oid}=${value}`));
}

const good: readonly [text: string, rendered: Rendered][] = [
  // RFC 4514 writes the last relative name first.
  ['CN=web,O=SPIRL,C=US', [['C=US'], ['O=SPIRL'], ['CN=web']]],
  ['cn = web , o = A B  ', [['O=A B'], ['CN=web']]],
  ['CN={{user}},O={{ cluster.name }}', [['O=prod'], ['CN=al, O=evil+C=XX\\']]],
  ['CN=u-{{user.id}}-x', [['CN=u-7-x']]],
  ['OU=a+CN=b,O=c', [['O=c'], ['OU=a', 'CN=b']]],
  ['O=Smith\\, Sons \\+ Co\\\\,CN=\\"x\\"', [['CN="x"'], ['O=Smith, Sons + Co\\']]],
  ['CN=\\ lead and trail\\ ', [['CN= lead and trail ']]],
  ['CN=\\#1', [['CN=#1']]],
  ['CN=Lu\\C4\\8Di\\C4\\87', [['CN=Lučić']]],
  ['CN=世界', [['CN=世界']]],
  ['DC=example,DC=org', [['DC=org'], ['DC=example']]],
  ['2.5.4.3=x,1.3.6.1.4.1.1=y', [['1.3.6.1.4.1.1=y'], ['CN=x']]],
  [`CN=${'x'.repeat(64)}`, [[`CN=${'x'.repeat(64)}`]]],
];
for (const [text, rendered] of good) {
  test(`subject ${text.slice(0, 60)} is understood`, (t) => {
    t.deepEqual(render(text, { user: ['al, O=evil+C=XX\\'], 'user.id': ['7'] }), rendered);
  });
}

const malformed: readonly [text: string, reason: RegExp][] = [
  ['', /name like CN=/],
  ['web', /name like CN=/],
  ['CN', /name like CN=/],
  ['CN=', /a value is expected/],
  ['CN=web,', /name like CN=/],
  ['CN=web,,O=x', /name like CN=/],
  ['EMAIL=x', /one of CN, L/],
  ['3.1=x', /dotted OID/],
  ['2.5.4.03=x', /dotted OID/],
  ['CN=#0401', /#hex/],
  ['CN=a"b"', /must be written \\"/],
  ['CN=a;O=b', /must be written \\;/],
  ['CN=a<b', /must be written/],
  ['CN=\\z', /special character or two hex digits/],
  ['CN=\\C4', /UTF-8/],
  ['CN=x\\', /special character or two hex digits/],
  ['CN={x}', /only expected in/],
  ['CN={{x', /only expected in/],
  ['CN={{a b}}', /name of an attribute/],
  ['CN=a\nb', /control characters/],
  ['C=USA', /at most 2/],
  ['C=U1', /country code/],
  ['DC=é', /ASCII/],
  ['SERIALNUMBER=a_b', /printable/],
  [`O=${'x'.repeat(65)}`, /at most 64/],
];
for (const [text, reason] of malformed) {
  test(`subject ${JSON.stringify(text.slice(0, 30))} does not compile`, (t) => {
    t.throws(() => new SubjectTemplate(text), { instanceOf: MalformedTemplate, message: reason });
  });
}

const hostile: readonly [name: string, text: string, value: readonly string[], reason: RegExp][] = [
  ['missing', 'CN={{u}}', [], /no attribute u/],
  ['of two values', 'CN={{u}}', ['a', 'b'], /attribute u has 2 values/],
  ['a line break', 'CN=x{{u}}', ['a\nb'], /attribute u does not fit.*CN: control characters/],
  ['NUL', 'CN={{u}}', ['\0'], /control characters/],
  ['half a character', 'CN={{u}}', ['\ud800'], /control characters/],
  ['64 KiB', 'CN={{u}}', ['x'.repeat(65_536)], /at most 64 characters/],
  ['no country', 'C={{u}}', ['Germany'], /at most 2/],
  ['not ASCII', 'DC={{u}}', ['é'], /ASCII/],
];
for (const [name, text, value, reason] of hostile) {
  test(`an attribute that is ${name} gives no identity`, (t) => {
    const error = t.throws(() => render(text, { u: value }));
    t.like(error, { code: 'NO_IDENTITY_ISSUED' });
    t.regex(error.message, reason);
    t.true(error.message.length < 200);
  });
}

test('any text is compiled or refused, and a value stays inside the name it was given for', (t) => {
  const piece = fc.oneof(
    fc.constantFrom('CN=', 'O=', ',', '+', '{{u}}', '\\', '"', ' ', '#', 'x', '2.5.4.3='),
    fc.string({ maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), fc.string({ unit: 'grapheme', maxLength: 20 }), (pieces, value) => {
      const text = pieces.join('');
      try {
        const subject = new SubjectTemplate(text);
        if (subject.reads.length === 0) return true;
        const view = (u: string): AttributeView => new AttributeView({ u: [u] }, { clusterId: 'c', clusterName: 'n' });
        const shape = (u: string): string =>
          JSON.stringify(subject.render(view(u)).map((rdn) => rdn.map(({ oid }) => oid)));
        return shape(value) === shape('x');
      } catch (error) {
        return error instanceof MalformedTemplate || (error as { code?: string }).code === 'NO_IDENTITY_ISSUED';
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
