import { readFileSync } from 'node:fs';
import test from 'ava';
import { sectionTypes } from '../../server-stub/src/config/managed-section-types.js';
import { readSectionDocuments } from '../../server-stub/src/config/managed-document.js';
import { policyProblems } from '../../server-stub/src/policy/compile-policy.js';

const page = readFileSync(new URL('../../../docs/managed-configuration.md', import.meta.url), 'utf8');
const documents = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
const options = { platform: 'linux', x509TtlMs: 86_400_000, jwtTtlMs: 86_400_000, ttlFloor: 'production' } as const;
const types = sectionTypes((spec, at) => policyProblems(spec, options, at));

test('the page has an example of each section of a cluster', (t) => {
  const named = documents.map((text) => /^section: (\w+)/.exec(text)?.[1]);
  t.deepEqual(named.slice(0, 3), ['SVIDIssuancePolicy', 'WorkloadAttestation', 'AttributeRedaction']);
});

for (const text of documents) {
  const [, section = ''] = /^section: (\w+)/.exec(text) ?? [];
  test(`the example of ${section} is accepted as it stands`, (t) => {
    const kind = ['KeyManager', 'UpstreamAuthority'].includes(section) ? 'trust-domain-deployment' : 'cluster';
    const { problems } = readSectionDocuments([text], { kind, id: 'c-1' }, types);
    t.deepEqual(problems, []);
  });
}
