import test from 'ava';
import fc from 'fast-check';
import { InvalidConfigError } from '../../../src/runtime/problems.js';
import { compilePolicy, policyProblems } from '../../../server-stub/src/policy/compile-policy.js';
import type { PolicyOptions } from '../../../server-stub/src/policy/policy-options.js';
import { HOUR, idOf, input, linux } from './policy-of.js';

const DAY = 24 * HOUR;
const lab: PolicyOptions = { ...linux, ttlFloor: 'lab' };

test('an absent, empty or null policy is the defaults', (t) => {
  for (const spec of [undefined, null, {}, { policy: null }, { policy: { pathTemplate: '', x509: { ttl: '' } } }]) {
    const policy = compilePolicy(spec, linux);
    const decision = policy.decideX509(input({ 'linux.user.name': ['alice'] }));
    t.like(decision, { ttlMs: DAY, subject: [], hint: '' });
    t.is(decision.spiffeId.toString(), 'spiffe://example.org/prod/alice');
    t.deepEqual(policy.decideJwt(input({ 'linux.user.name': ['alice'] })).claims, {});
  }
});

const overriding = {
  policy: {
    pathTemplate: '/base/{{linux.user.name}}',
    x509: { ttl: '2h', subject: 'O={{org}}' },
    jwt: { ttl: '30m', additionalClaims: { team: '{{team}}' } },
    hint: 'base',
  },
  policyOverrides: [
    { when: { 'linux.user.id': 1000, env: 'prod' }, policy: { pathTemplate: '/first' } },
    { when: { 'linux.user.id': '1000' }, policy: { x509: { ttl: '3h' }, hint: 'second' } },
    { when: { 'linux.supp_group.name': 'docker' }, policy: { pathTemplate: '/third' } },
    { when: { 'cluster.name': 'dev' }, policy: { pathTemplate: '/fourth' } },
  ],
};

test('the first override that matches replaces the base as a whole', (t) => {
  const policy = compilePolicy(overriding, linux);
  const user = { 'linux.user.name': ['al'] };
  t.is(idOf(policy, { ...user, org: ['x'] }), 'spiffe://example.org/base/al');
  t.is(idOf(policy, { 'linux.user.id': ['1000'], env: ['prod'] }), 'spiffe://example.org/first');
  const second = policy.decideX509(input({ ...user, 'linux.user.id': ['1000'], env: ['test'] }));
  t.is(second.spiffeId.toString(), 'spiffe://example.org/prod/al', 'the default path, not that of the base');
  t.like(second, { ttlMs: 3 * HOUR, subject: [], hint: 'second' });
  t.is(policy.decideJwt(input({ ...user, 'linux.user.id': ['1000'] })).ttlMs, DAY);
  t.is(idOf(policy, { 'linux.supp_group.name': ['adm', 'docker'] }), 'spiffe://example.org/third');
  t.is(idOf(policy, {}, 'dev'), 'spiffe://example.org/fourth');
});

test('the policy says which attributes any of its branches reads, and none that only the session knows', (t) => {
  t.deepEqual(compilePolicy(overriding, linux).reads, [
    'env',
    'linux.supp_group.name',
    'linux.user.id',
    'linux.user.name',
    'org',
    'team',
  ]);
});

test('what only one kind of SVID needs does not stand in the way of the other', (t) => {
  const policy = compilePolicy(overriding, linux);
  const user = { 'linux.user.name': ['al'] };
  t.is(policy.decideX509(input({ ...user, org: ['x'] })).hint, 'base');
  t.throws(() => policy.decideJwt(input({ ...user, org: ['x'] })), { message: /no attribute team/ });
  t.deepEqual(policy.decideJwt(input({ ...user, team: ['t'] })).claims, { team: 't' });
  t.throws(() => policy.decideX509(input({ ...user, team: ['t'] })), { message: /no attribute org/ });
});

test('the outcome changes with everything that decides the X.509-SVID, and with nothing else', (t) => {
  const workload = input({ 'linux.user.name': ['al'], org: ['x'], other: ['1'] });
  const outcome = (policy: object, given = workload): string =>
    compilePolicy({ policy }, linux).decideX509(given).outcome;
  const base = { x509: { ttl: '2h', subject: 'O={{org}}' }, hint: 'h' };
  const same = outcome(base);
  t.is(outcome({ ...base, jwt: { ttl: '10m' } }), same);
  t.is(outcome(base, input({ ...workload.attributes, other: ['2'] })), same);
  t.is(outcome({ ...base, x509: { ttl: '120m', subject: 'O=x' } }), same);
  const others = [
    outcome({ ...base, pathTemplate: '/p' }),
    outcome({ ...base, x509: { ttl: '3h', subject: 'O={{org}}' } }),
    outcome({ ...base, x509: { ttl: '2h' } }),
    outcome({ ...base, x509: { ttl: '2h', subject: 'OU={{org}}' } }),
    outcome({ ...base, hint: '' }),
    outcome(base, input({ ...workload.attributes, org: ['y'] })),
  ];
  t.is(new Set([same, ...others]).size, others.length + 1);
});

test('claims are rendered text, numbers and booleans, odd names included', (t) => {
  const additionalClaims = JSON.parse(
    '{"n":1,"b":false,"t":"a-{{x}}","__proto__":"p","plain":"","deep.name":"{{x}}"}',
  ) as object;
  const policy = compilePolicy({ policy: { pathTemplate: '/p', jwt: { additionalClaims } } }, linux);
  const { claims } = policy.decideJwt(input({ x: ['é"\n'] }));
  t.is(
    JSON.stringify(claims),
    JSON.stringify({ n: 1, b: false, t: 'a-é"\n', ['__proto__']: 'p', plain: '', 'deep.name': 'é"\n' }),
  );
  t.throws(() => policy.decideJwt(input({ x: ['y'.repeat(5000)] })), { message: /attribute x is too long/ });
});

const invalid: readonly [name: string, spec: unknown, problems: readonly string[], options?: PolicyOptions][] = [
  ['no mapping', [], ['']],
  ['text', 'x', ['']],
  [
    'unknown settings',
    { polizy: {}, policy: { x509: { TTL: '1h' }, 'a/b~c': 1 } },
    ['/polizy', '/policy/a~1b~0c', '/policy/x509/TTL'],
  ],
  ['a bad path', { policy: { pathTemplate: '/{{x' } }, ['/policy/pathTemplate']],
  ['a path that is no text', { policy: { pathTemplate: 7 } }, ['/policy/pathTemplate']],
  ['a TTL too short', { policy: { x509: { ttl: '59m59s' } } }, ['/policy/x509/ttl']],
  ['a TTL too long', { policy: { x509: { ttl: '168h1s' } } }, ['/policy/x509/ttl']],
  ['a JWT TTL too short', { policy: { jwt: { ttl: '4m' } } }, ['/policy/jwt/ttl']],
  [
    'a TTL too short for the lab too',
    { policy: { x509: { ttl: '9s' }, jwt: { ttl: '9s' } } },
    ['/policy/x509/ttl', '/policy/jwt/ttl'],
    lab,
  ],
  [
    'TTLs that are no durations',
    { policy: { x509: { ttl: 24 }, jwt: { ttl: 'a day' } } },
    ['/policy/x509/ttl', '/policy/jwt/ttl'],
  ],
  ['a bad subject', { policy: { x509: { subject: 'CN' } } }, ['/policy/x509/subject']],
  ['a hint too long', { policy: { hint: 'é'.repeat(513) } }, ['/policy/hint']],
  [
    'claims that are not for a policy',
    { policy: { jwt: { additionalClaims: { iss: 'x', jti: 'x', list: [], text: '{{', none: null } } } },
    ['iss', 'jti', 'list', 'text', 'none'].map((name) => `/policy/jwt/additionalClaims/${name}`),
  ],
  ['overrides that are no list', { policyOverrides: {} }, ['/policyOverrides']],
  [
    'overrides with bad conditions',
    { policyOverrides: [{ policy: {} }, { when: {} }, { when: { 'a b': 'x', c: '', d: ['x'] } }, 'x'] },
    [
      '/policyOverrides/0/when',
      '/policyOverrides/1/when',
      '/policyOverrides/2/when/a b',
      '/policyOverrides/2/when/c',
      '/policyOverrides/2/when/d',
      '/policyOverrides/3',
      '/policyOverrides/3/when',
    ],
  ],
  [
    'a bad override',
    { policyOverrides: [{ when: { a: 'b' }, policy: { pathTemplate: '/spirl/x' } }] },
    ['/policyOverrides/0/policy/pathTemplate'],
  ],
  [
    'too many overrides',
    { policyOverrides: Array.from({ length: 257 }, () => ({ when: { a: 'b' } })) },
    ['/policyOverrides'],
  ],
];
for (const [name, spec, pointers, options = linux] of invalid) {
  test(`a policy with ${name} is refused with each place where it is wrong`, (t) => {
    const problems = policyProblems(spec, options);
    t.deepEqual(problems.map(({ path }) => path).sort(), [...pointers].sort());
    t.deepEqual(
      policyProblems(spec, options, '/spec').map(({ path }) => path),
      problems.map(({ path }) => `/spec${path}`),
    );
    const error = t.throws(() => compilePolicy(spec, options), { instanceOf: InvalidConfigError });
    t.is(error.problems.length, problems.length);
  });
}

test('lifetimes at their limits are accepted', (t) => {
  const limits = [
    [linux, '1h', '5m'],
    [linux, '168h', '168h'],
    [lab, '10s', '10s'],
  ] as const;
  for (const [options, x509, jwt] of limits) {
    t.deepEqual(policyProblems({ policy: { x509: { ttl: x509 }, jwt: { ttl: jwt } } }, options), []);
  }
});

test('any document whatever is compiled or refused, never anything worse', (t) => {
  const anything = fc.anything({ maxDepth: 4, withBigInt: false });
  const field = fc.oneof(anything, fc.string());
  const branch = fc.oneof(
    anything,
    fc.record(
      {
        pathTemplate: field,
        x509: fc.oneof(anything, fc.record({ ttl: field, subject: field })),
        jwt: fc.oneof(anything, fc.record({ ttl: field, additionalClaims: fc.dictionary(fc.string(), field) })),
      },
      { requiredKeys: [] },
    ),
  );
  const spec = fc.oneof(
    anything,
    fc.record({
      policy: branch,
      policyOverrides: fc.oneof(anything, fc.array(fc.record({ when: field, policy: branch }))),
    }),
  );
  fc.assert(
    fc.property(spec, (document) => {
      try {
        compilePolicy(document, linux);
        return policyProblems(document, linux).length === 0;
      } catch (error) {
        return error instanceof InvalidConfigError;
      }
    }),
    { numRuns: 1000 },
  );
  t.pass();
});
