import test from 'ava';
import fc from 'fast-check';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import { hasCode } from '../../../src/runtime/errors.js';
import { compilePolicy } from '../../../server-stub/src/policy/compile-policy.js';
import { MalformedTemplate } from '../../../server-stub/src/policy/malformed-template.js';
import { PathTemplate } from '../../../server-stub/src/policy/path-template.js';
import { parseTemplate } from '../../../server-stub/src/policy/template.js';
import { idOf, input, linux, pathPolicy } from './policy-of.js';

test('the default of a Linux cluster is its name and the user name', (t) => {
  const policy = compilePolicy(undefined, linux);
  t.is(idOf(policy, { 'linux.user.name': ['alice'] }), 'spiffe://example.org/prod/alice');
  t.deepEqual(policy.reads, ['linux.user.name']);
});

test('the default of a Kubernetes cluster is its name, namespace and service account', (t) => {
  const policy = compilePolicy({}, { ...linux, platform: 'k8s' });
  const pod = { 'kubernetes.pod.namespace': ['shop'], 'kubernetes.pod.service_account': ['web'] };
  t.is(idOf(policy, pod), 'spiffe://example.org/prod/ns/shop/sa/web');
  t.deepEqual(policy.reads, ['kubernetes.pod.namespace', 'kubernetes.pod.service_account']);
});

const good: readonly [template: string, rendered: string][] = [
  ['/{{ cluster.id }}/x', '/c-abc/x'],
  ['/{{node_group.id}}-{{\tnode_group.name\n}}/static', '/c-abc-prod/static'],
  ['/a{{a}}b{{b}}c', '/aAbBc'],
  ["/{{kubernetes.pod.label[app.kubernetes.io/name]}}/{{kubernetes.pod.label.'x-y/z'}}", '/web/L'],
  ['/spirlx', '/spirlx'],
  ['/x/spirl', '/x/spirl'],
  ['/...', '/...'],
  ['/.{{a}}', '/.A'],
];
for (const [template, rendered] of good) {
  test(`template ${JSON.stringify(template)} renders ${rendered}`, (t) => {
    const attributes = {
      a: ['A'],
      b: ['B'],
      'kubernetes.pod.label[app.kubernetes.io/name]': ['web'],
      "kubernetes.pod.label.'x-y/z'": ['L'],
    };
    t.is(idOf(pathPolicy(template), attributes), `spiffe://example.org${rendered}`);
  });
}

const malformed: readonly [template: string, reason: RegExp][] = [
  ['no-slash', /begins with \//],
  ['{{a}}', /begins with \//],
  ['/', /empty path segment/],
  ['/a/', /empty path segment/],
  ['/a//{{b}}', /empty path segment/],
  ['/a b', /only letters/],
  ['/%2e%2e', /only letters/],
  ['/é', /only letters/],
  ['/a?b', /only letters/],
  ['/..', /segment \.\. is not allowed/],
  ['/a/./b', /segment \. is not allowed/],
  ['/{{a', /\{\{ without \}\}/],
  ['/a}}', /\}\} without \{\{/],
  ['/{{}}', /name of an attribute/],
  ['/{{a b}}', /name of an attribute/],
  ['/{{a|upper}}', /name of an attribute/],
  ['/{{{a}}}', /name of an attribute/],
  ['/spirl', /reserved/],
  ['/spirl/agent/x', /reserved/],
  ['/spirl/{{a}}', /reserved/],
  [`/${'a'.repeat(5000)}`, /at most 4096/],
];
for (const [template, reason] of malformed) {
  test(`template ${JSON.stringify(template.slice(0, 30))} does not compile`, (t) => {
    t.throws(() => new PathTemplate(template), { instanceOf: MalformedTemplate, message: reason });
  });
}

const hostile: readonly [name: string, value: readonly string[], reason: RegExp][] = [
  ['missing', [], /no attribute user/],
  ['empty', [''], /no attribute user/],
  ['of several values', ['a', 'b'], /attribute user has 2 values/],
  ['a slash', ['a/b'], /attribute user has a character/],
  ['another trust domain', ['//evil.example/x'], /attribute user has a character/],
  ['..', ['..'], /attribute user makes the path segment \.\./],
  ['.', ['.'], /attribute user makes the path segment \./],
  ['../admin', ['../admin'], /attribute user has a character/],
  ['%2e%2e', ['%2e%2e'], /attribute user has a character/],
  ['%2f', ['a%2fb'], /attribute user has a character/],
  ['a line break', ['a\nb'], /attribute user has a character/],
  ['a line break at the end', ['alice\n'], /attribute user has a character/],
  ['NUL', ['a\0'], /attribute user has a character/],
  ['a space', ['a b'], /attribute user has a character/],
  ['a question mark', ['a?x=1'], /attribute user has a character/],
  ['a fragment', ['a#x'], /attribute user has a character/],
  ['not ASCII', ['ålice'], /attribute user has a character/],
  ['a look-alike', ['аdmin'], /attribute user has a character/],
  ['a replacement character', ['\ufffd'], /attribute user has a character/],
  ['half a character', ['\ud800'], /attribute user has a character/],
  ['a template', ['{{cluster.name}}'], /attribute user has a character/],
  ['64 KiB', ['a'.repeat(65_536)], /attributes user make the SPIFFE ID too long/],
];
for (const [name, value, reason] of hostile) {
  test(`an attribute that is ${name} gives no identity, and the refusal names the attribute only`, (t) => {
    const error = t.throws(() => idOf(pathPolicy('/users/{{user}}'), { user: value }));
    t.like(error, { code: 'NO_IDENTITY_ISSUED' });
    t.regex(error.message, reason);
    t.true(error.message.length < 200);
  });
}

test('two values that make dots together are refused', (t) => {
  t.throws(() => idOf(pathPolicy('/{{a}}{{b}}'), { a: ['.'], b: ['.'] }), { message: /attribute a, b makes/ });
});

test('paths under /spirl/ are not for workloads, however the path comes about', (t) => {
  for (const template of ['/{{a}}/agent', '/{{a}}', '/spi{{b}}/x']) {
    const error = t.throws(() => idOf(pathPolicy(template), { a: ['spirl'], b: ['rl'] }));
    t.like(error, { code: 'NO_IDENTITY_ISSUED' });
    t.regex(error.message, /reserved/);
  }
});

test('a SPIFFE ID of 2048 bytes is issued, a longer one is not', (t) => {
  const prefix = 'spiffe://example.org/'.length;
  const policy = pathPolicy('/{{a}}');
  t.is(idOf(policy, { a: ['x'.repeat(2048 - prefix)] }).length, 2048);
  t.throws(() => idOf(policy, { a: ['x'.repeat(2049 - prefix)] }), { message: /too long/ });
});

test('what the session says cannot be claimed by the agent', (t) => {
  for (const name of ['cluster.name', 'cluster.id', 'node_group.name', 'cluster.anything', 'cluster', 'node_group']) {
    const error = t.throws(() => idOf(pathPolicy('/{{cluster.name}}/x'), { [name]: ['other'] }));
    t.like(error, { code: 'INVALID_REQUEST' });
  }
  t.is(idOf(pathPolicy('/{{clusters.name}}/x'), { 'clusters.name': ['fine'] }), 'spiffe://example.org/fine/x');
});

test('an attribute with the name of something every object has is only an attribute', (t) => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const policy = pathPolicy(`/{{${name}}}`);
    t.throws(() => idOf(policy, {}), { message: new RegExp(`no attribute ${name}`) });
    t.is(idOf(policy, { [name]: ['v'] }), 'spiffe://example.org/v');
  }
});

test('whatever the template and the values, the answer is a SPIFFE ID of that trust domain or a refusal', (t) => {
  const piece = fc.oneof(
    fc.constantFrom('/', '{{a}}', '{{ b }}', '{{cluster.name}}', '.', '..', 'spirl', '{{', '}}', '%2e', ' '),
    fc.string({ maxLength: 5 }),
  );
  const template = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);
  const value = fc.oneof(
    fc.constantFrom('.', '..', '/', 'spirl', 'x', '%2e'),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  fc.assert(
    fc.property(template, value, value, (text, a, b) => {
      let path: PathTemplate;
      try {
        path = new PathTemplate(text);
      } catch (error) {
        return error instanceof MalformedTemplate;
      }
      try {
        const id = idOf(pathPolicy(text), { a: [a], b: [b] });
        const parsed = SpiffeId.parse(id);
        return parsed.trustDomain === 'example.org' && !/^\/spirl(\/|$)/.test(parsed.path) && path.reads.length < 9;
      } catch (error) {
        return hasCode(error, 'NO_IDENTITY_ISSUED');
      }
    }),
    { numRuns: 3000 },
  );
  t.pass();
});

test('a parsed template written out again is the same template', (t) => {
  const name = fc.stringMatching(/^[a-z_][a-z0-9_.]{0,10}$/);
  const parts = fc.array(
    fc.oneof(
      fc
        .string({ minLength: 1 })
        .filter((text) => !/[{}]/.test(text))
        .map((text) => ({ text })),
      name.map((attribute) => ({ attribute })),
    ),
  );
  fc.assert(
    fc.property(parts, (given) => {
      const write = given.map((part) => ('text' in part ? part.text : `{{ ${part.attribute} }}`)).join('');
      const again = parseTemplate(write)
        .map((part) => ('text' in part ? part.text : `{{ ${part.attribute} }}`))
        .join('');
      return again === write;
    }),
  );
  t.pass();
});

test('the JWT side of a policy gives the same identity', (t) => {
  const policy = pathPolicy('/{{a}}');
  t.is(policy.decideJwt(input({ a: ['x'] })).spiffeId.toString(), idOf(policy, { a: ['x'] }));
});
