import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseYaml } from '../../../src/runtime/yaml-document.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import { canRelease } from '../../../server-stub/src/domain/key-manager.js';
import {
  KEY_MANAGER_SECTION_SCHEMA,
  keyManagerSectionProblems,
  readKeyManagerSection,
} from '../../../server-stub/src/key-manager/key-manager-section.js';
import { KeyManagers } from '../../../server-stub/src/key-manager/key-managers.js';
import type { ProviderParts } from '../../../server-stub/src/key-manager/provider.js';
import { schemaCheck } from '../../../server-stub/src/config/json-schema.js';
import { createSealedKeyManager } from '../../../server-stub/src/key-manager/sealed-key-manager.js';
import { rawFromDer } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { FakeKms } from '../../fakes/fake-kms.js';
import { FakeKeyVault } from '../../fakes/fake-key-vault.js';
import { MemoryRecordStore } from '../../fakes/memory-record-store.js';
import { plainSealer } from '../../fakes/plain-sealer.js';

const signal = new AbortController().signal;
const declared = { files: { problem: () => 'no' }, webhookHosts: [], modules: [], pkcs11Problem: () => undefined };

function setUp(spec: unknown) {
  const kms = new Map<string, FakeKms>();
  const vaults = new Map<string, FakeKeyVault>();
  const opened: string[] = [];
  let region: string | undefined = 'eu-west-1';
  const parts: ProviderParts = {
    ...declared,
    files: { problem: () => 'no', read: () => Promise.reject(new Error('no')) },
    environment: () => undefined,
    owner: { trustDomainId: 'td-1', deploymentId: 'tdd-1' },
    clock: new FakeClock(),
    logger: silentLogger,
    rawFromDer,
    connectAwsKms: {
      defaultRegion: () => Promise.resolve(region),
      connect: (where) => {
        opened.push(where);
        const api = kms.get(where) ?? new FakeKms();
        kms.set(where, api);
        return Promise.resolve(api);
      },
    },
    connectKeyVault: (url) => {
      opened.push(url);
      const api = vaults.get(url) ?? new FakeKeyVault();
      vaults.set(url, api);
      return Promise.resolve(api);
    },
  };
  const sealed = createSealedKeyManager({ store: new MemoryRecordStore(), sealer: plainSealer });
  const live = { spec };
  const metrics = { keyServiceCalled: () => {}, signedWrongly: () => {} };
  const managers = new KeyManagers({ ...parts, sealed, spec: () => live.spec, metrics, random: () => 0.5 });
  return { managers, live, opened, kms, sealed, setRegion: (to: string | undefined) => (region = to) };
}

const aws = (settings: object = {}) => ({ extensions: { awsKMS: settings } });
const azure = (settings: object = {}) => ({
  extensions: { azureKeyVault: { vaultURL: 'https://keys.vault.azure.net/', ...settings } },
});

test('without a section, or with an empty one, keys are sealed and nothing is opened', async (t) => {
  for (const spec of [undefined, {}, { extensions: {} }, { extensions: { awsKMS: null, webhook: '' } }]) {
    const { managers, opened, sealed } = setUp(spec);
    const next = await managers.next();
    t.is(next.manager, sealed);
    t.is(next.keyType, 'EC-P256');
    t.deepEqual(opened, []);
  }
});

test('the section decides who makes the next key, and of which type; the settings say where it is found again', async (t) => {
  const { managers, live, opened } = setUp(aws({ keySpec: 'ECC_NIST_P384' }));
  const next = await managers.next();
  t.is(next.custody, 'awsKMS');
  t.is(next.keyType, 'EC-P384');
  t.deepEqual(next.custodySettings, { keySpec: 'ECC_NIST_P384', region: 'eu-west-1' });
  live.spec = azure();
  t.is((await managers.next()).custody, 'azureKeyVault');
  t.deepEqual(opened, ['eu-west-1', 'https://keys.vault.azure.net']);
});

test('a key made before is asked for where it was made, whatever the section says now', async (t) => {
  const { managers, live, kms, setRegion } = setUp(aws());
  const made = await managers.next();
  await made.manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  setRegion('us-east-1');
  live.spec = {};
  const holder = await managers.holder(made);
  t.deepEqual(
    (await holder.listKeys(signal)).map(({ id }) => id),
    ['ks_aaaaaaaaaa'],
  );
  t.true(canRelease(holder));
  t.deepEqual([...kms.keys()], ['eu-west-1']);
});

test('where the section still means the same place, its present settings count', async (t) => {
  const { managers, live } = setUp(aws({ keyTags: { team: 'a' } }));
  const before = await managers.next();
  live.spec = aws({ keyTags: { team: 'b' }, region: 'eu-west-1' });
  t.is(await managers.holder(before), (await managers.next()).manager);
  t.is(managers.levels().length, 1);
});

test('without any region the refusal says so', async (t) => {
  const { managers, setRegion } = setUp(aws());
  setRegion(undefined);
  await t.throwsAsync(managers.next(), { code: 'INVALID_CONFIG', message: /no region/ });
});

test('a custody of another version is refused by its name', async (t) => {
  const { managers } = setUp({});
  await t.throwsAsync(managers.holder({ custody: 'gcpCloudKMS' }), {
    code: 'INVALID_CONFIG',
    message: /"gcpCloudKMS"/,
  });
});

test('settings in a ring that this server does not allow any more are refused', async (t) => {
  const { managers } = setUp({});
  const custodySettings = { vaultURL: 'https://evil.example.org' };
  await t.throwsAsync(managers.holder({ custody: 'azureKeyVault', custodySettings }), {
    code: 'INVALID_CONFIG',
    message: /vaultURL/,
  });
});

const structure = schemaCheck(KEY_MANAGER_SECTION_SCHEMA);
const cases: { name: string; spec: unknown; wants: string[] }[] = [
  { name: 'awsKMS without anything', spec: aws(), wants: [] },
  {
    name: 'awsKMS with everything',
    spec: aws({ region: 'eu-west-1', keySpec: 'RSA_2048', keyTags: { team: 'a' } }),
    wants: [],
  },
  { name: 'a region that is none', spec: aws({ region: 'Ireland' }), wants: ['/spec/extensions/awsKMS/region'] },
  { name: 'an empty region', spec: aws({ region: '' }), wants: [] },
  {
    name: 'an unknown key spec',
    spec: aws({ keySpec: 'ECC_SECG_P256K1' }),
    wants: ['/spec/extensions/awsKMS/keySpec'],
  },
  { name: 'an unknown setting', spec: aws({ endpoint: 'x' }), wants: ['/spec/extensions/awsKMS/endpoint'] },
  {
    name: 'tags of AWS and of ours',
    spec: aws({ keyTags: { 'aws:x': '1', 'defakto-y': '2', fine: '3' } }),
    wants: ['/spec/extensions/awsKMS/keyTags/aws:x', '/spec/extensions/awsKMS/keyTags/defakto-y'],
  },
  { name: 'azureKeyVault', spec: azure(), wants: [] },
  { name: 'no vault', spec: { extensions: { azureKeyVault: {} } }, wants: ['/spec/extensions/azureKeyVault/vaultURL'] },
  ...[
    'http://keys.vault.azure.net',
    'https://keys.vault.azure.net.evil.org',
    'https://a@keys.vault.azure.net',
    'x',
  ].map((vaultURL) => ({
    name: vaultURL,
    spec: azure({ vaultURL }),
    wants: ['/spec/extensions/azureKeyVault/vaultURL'],
  })),
  {
    name: 'tags of Azure and of ours',
    spec: azure({ keyTags: { 'azure:x': '1', 'defakto-y': '2' } }),
    wants: ['/spec/extensions/azureKeyVault/keyTags/azure:x', '/spec/extensions/azureKeyVault/keyTags/defakto-y'],
  },
  {
    name: 'two at once',
    spec: { extensions: { awsKMS: {}, azureKeyVault: { vaultURL: 'https://keys.vault.azure.net' } } },
    wants: ['/spec/extensions'],
  },
  { name: 'a provider that does not exist', spec: { extensions: { gcp: {} } }, wants: ['/spec/extensions/gcp'] },
];
for (const { name, spec, wants } of cases) {
  test(`section KeyManager: ${name}`, (t) => {
    const found = structure(spec, '/spec');
    const problems = found.length > 0 ? found : keyManagerSectionProblems(spec, '/spec', declared);
    t.deepEqual(
      problems.map(({ path }) => path),
      wants,
    );
    if (wants.length === 0) t.notThrows(() => readKeyManagerSection(spec, declared));
  });
}

for (const name of ['aws-kms', 'azure-key-vault']) {
  test(`the section on the operator's page of ${name} is accepted as it stands`, (t) => {
    const file = new URL(`../../../../docs/operations/key-manager-${name}.md`, import.meta.url);
    const [, text = ''] = /```yaml\n( *section: KeyManager[\s\S]*?)```/.exec(readFileSync(file, 'utf8')) ?? [];
    const { spec } = parseYaml(text, name) as { spec: unknown };
    t.deepEqual([...structure(spec, ''), ...keyManagerSectionProblems(spec, '', declared)], []);
    t.truthy(readKeyManagerSection(spec, declared));
  });
}
