import test from 'ava';
import { checkAttributes, checkAudience, checkItemCount } from '../../../server-stub/src/api/agent-issuance-checks.js';

const wrong: { name: string; attributes: Record<string, string[]>; says: RegExp }[] = [
  { name: 'cluster.id', attributes: { 'cluster.id': ['c-1'] }, says: /cluster\.id comes from the session/ },
  { name: 'an empty name', attributes: { '': ['x'] }, says: /a name has 1 to 512 characters/ },
  { name: 'an endless name', attributes: { ['x'.repeat(600)]: ['x'] }, says: /a name has 1 to 512 characters/ },
  { name: '128 KiB', attributes: { path: ['x'.repeat(131_072)] }, says: /attribute "path": at most 65536 characters/ },
  {
    name: '300 attributes',
    attributes: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`a${i}`, ['x']])),
    says: /at most 256 are allowed, not 300/,
  },
];
for (const { name, attributes, says } of wrong) {
  test(`attributes with ${name} are refused`, (t) => {
    t.throws(() => checkAttributes(attributes), { code: 'INVALID_REQUEST', message: says });
  });
}

test('odd values are carried, they are for the policy to judge', (t) => {
  const attributes = { 'linux.user.name': ['a\nb', '../..', '%2e', '\u{fffd}'], clusterish: ['x'] };
  t.is(checkAttributes(attributes), attributes);
});

test('audiences and items are bounded', (t) => {
  t.throws(() => checkAudience([]), { code: 'INVALID_REQUEST' });
  t.throws(() => checkAudience(['']), { code: 'INVALID_REQUEST' });
  t.throws(() => checkAudience(Array.from({ length: 33 }, () => 'a')), { code: 'INVALID_REQUEST' });
  t.deepEqual(checkAudience(['a']), ['a']);
  t.throws(() => checkItemCount(0), { message: /1 to 500 are allowed, not 0/ });
  t.throws(() => checkItemCount(501), { code: 'INVALID_REQUEST' });
});
