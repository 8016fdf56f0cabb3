import test from 'ava';
import { readSectionDocuments } from '../../../server-stub/src/config/managed-document.js';
import { sectionTypes } from '../../../server-stub/src/config/managed-section-types.js';
import type { ScopeKind } from '../../../server-stub/src/config/managed-section.js';
import { policyProblems } from '../../../server-stub/src/policy/compile-policy.js';

const options = { platform: 'linux', x509TtlMs: 3_600_000, jwtTtlMs: 3_600_000, ttlFloor: 'production' } as const;
const types = sectionTypes((spec, at) => policyProblems(spec, options, at));

/** `section path: reason` of each problem. */
function problems(kind: ScopeKind, ...documents: string[]): string[] {
  const found = readSectionDocuments(documents, { kind, id: 'x' }, types);
  return found.problems.map(({ section, path, reason }) => `${section} ${path}: ${reason}`);
}

const head = (section: string): string => `section: ${section}\nschema: v1\n`;

const accepted: { name: string; kind: ScopeKind; document: string }[] = [
  { name: 'a section without a spec', kind: 'cluster', document: head('WorkloadAttestation') },
  { name: 'a spec that is unset', kind: 'cluster', document: `${head('AttributeRedaction')}spec: ""\n` },
  {
    name: 'an attestor of a later version that is switched off',
    kind: 'cluster',
    document: `${head('WorkloadAttestation')}spec: { kubernetes: { enabled: false }, linux: { enabled: true } }\n`,
  },
  {
    name: 'a redaction',
    kind: 'cluster',
    document: `${head('AttributeRedaction')}spec: { policy: { allowList: { filters: ["linux.user.*"] } } }\n`,
  },
  {
    name: 'a policy with overrides',
    kind: 'cluster',
    document: `${head('SVIDIssuancePolicy')}spec:
  policy: { pathTemplate: "/u/{{linux.user.id}}", x509: { ttl: 2h, subject: "" }, jwt: { ttl: 5m } }
  policyOverrides: [{ when: { linux.user.id: 0 }, policy: { pathTemplate: /root } }]
`,
  },
  { name: 'no upstream', kind: 'trust-domain-deployment', document: `${head('UpstreamAuthority')}spec: {}\n` },
  { name: 'no upstream, in the cluster scope', kind: 'cluster', document: `${head('UpstreamAuthority')}spec: {}\n` },
  {
    name: 'providers that are unset',
    kind: 'trust-domain-deployment',
    document: `${head('KeyManager')}spec: { extensions: { awsKMS: "", pkcs11: null } }\n`,
  },
];
for (const { name, kind, document } of accepted) {
  test(`accepted: ${name}`, (t) => t.deepEqual(problems(kind, document), []));
}

const later = [
  ...['awsKMS', 'azureKeyVault', 'pkcs11', 'webhook'].map((provider) => ['KeyManager', provider] as const),
  ...['awsPca', 'disk', 'webhook'].map((provider) => ['UpstreamAuthority', provider] as const),
];
for (const [section, provider] of later) {
  test(`refused by name: ${section} ${provider}`, (t) => {
    const document = `${head(section)}spec: { extensions: { ${provider}: { region: "" } } }\n`;
    t.deepEqual(problems('trust-domain-deployment', document), [
      `${section} /spec/extensions/${provider}: ${provider} is not available in this version`,
    ]);
  });
}

const bomb = `${head('WorkloadAttestation')}spec:
  a: &a [x, x, x, x, x, x, x, x, x]
  b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
  c: [*b, *b, *b, *b, *b, *b, *b, *b, *b]
`;
const refused: { name: string; kind: ScopeKind; documents: string[]; want: string[] }[] = [
  {
    name: 'an unknown section',
    kind: 'trust-domain-deployment',
    documents: [head('Nothing')],
    want: ['Nothing /section: unknown section (known for a trust-domain-deployment: KeyManager, UpstreamAuthority)'],
  },
  {
    name: 'a section of the other scope',
    kind: 'cluster',
    documents: [head('KeyManager')],
    want: ['KeyManager /section: KeyManager belongs to the scope trust-domain-deployment'],
  },
  {
    name: 'a schema that is not known, and what is wrong besides',
    kind: 'cluster',
    documents: ['section: WorkloadAttestation\nschema: v2\nspec: { docker: {}, linux: { enabled: maybe } }\n'],
    want: [
      'WorkloadAttestation /schema: schema v1 is expected',
      'WorkloadAttestation /spec/docker: docker attestation is not available in this version',
      'WorkloadAttestation /spec/linux/enabled: true or false is expected',
    ],
  },
  {
    name: 'an unknown provider and an unknown field',
    kind: 'trust-domain-deployment',
    documents: [`${head('KeyManager')}spec: { provider: x, extensions: { gcp/kms: {} } }\n`],
    want: [
      'KeyManager /spec/provider: unknown setting (known: extensions)',
      'KeyManager /spec/extensions/gcp~1kms: unknown setting (known: awsKMS, azureKeyVault, pkcs11, webhook)',
    ],
  },
  {
    name: 'a provider that is no mapping',
    kind: 'trust-domain-deployment',
    documents: [`${head('KeyManager')}spec: { extensions: [] }\n`],
    want: ['KeyManager /spec/extensions: a mapping is expected'],
  },
  {
    name: 'documents that are none: all told together',
    kind: 'cluster',
    documents: ['', 'just text', 'section: 3\nextra: 1\n'],
    want: [
      'document 1 : a mapping is expected',
      'document 2 : a mapping is expected',
      'document 3 /schema: is required',
      'document 3 /extra: unknown setting (known: section, schema, spec)',
      'document 3 /section: text is expected',
    ],
  },
  {
    name: 'an envelope with mistakes around a spec with mistakes: all told together',
    kind: 'cluster',
    documents: [
      'section: SVIDIssuancePolicy\nspec: { policy: { pathTemplate: no-slash, x509: { ttl: 1s } } }\nextra: 1\n',
      `${head('AttributeRedaction')}spec: 7\n`,
    ],
    want: [
      'SVIDIssuancePolicy /schema: is required',
      'SVIDIssuancePolicy /extra: unknown setting (known: section, schema, spec)',
      'SVIDIssuancePolicy /spec/policy/pathTemplate: a path that begins with / is expected',
      'SVIDIssuancePolicy /spec/policy/x509/ttl: a duration from 1h0m0s to 168h0m0s is expected, for example 24h',
      'AttributeRedaction /spec: a mapping is expected',
    ],
  },
  {
    name: 'the same section twice',
    kind: 'cluster',
    documents: [head('AttributeRedaction'), head('AttributeRedaction')],
    want: ['AttributeRedaction /section: the same section is given twice'],
  },
  {
    name: 'several documents in one',
    kind: 'cluster',
    documents: [`${head('AttributeRedaction')}---\n${head('WorkloadAttestation')}`],
    want: ['document 1 : exactly one YAML document is expected'],
  },
  {
    name: 'a bomb of aliases',
    kind: 'cluster',
    documents: [bomb],
    want: ['document 1 : line 6, column 39: aliases are not supported: write the value out'],
  },
  {
    name: 'a document that is too large',
    kind: 'cluster',
    documents: [`${head('WorkloadAttestation')}spec: {}\n#${'x'.repeat(256 * 1024)}`],
    want: ['document 1 : larger than 262144 bytes'],
  },
];
for (const { name, kind, documents, want } of refused) {
  test(`refused: ${name}`, (t) => t.deepEqual(problems(kind, ...documents), want));
}

test('a condition without a value is refused: it must not match everything', (t) => {
  const document = `${head('SVIDIssuancePolicy')}spec: { policyOverrides: [{ when: { linux.user.name: "" }, policy: {} }] }\n`;
  t.is(problems('cluster', document).length, 1);
});
