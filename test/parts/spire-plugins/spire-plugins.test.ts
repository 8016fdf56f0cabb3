import { createPublicKey, verify } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { createAcmPca } from '../../../server-stub/src/cloud/aws/acm-pca.js';
import { createKmsSigningApi } from '../../../server-stub/src/cloud/aws/kms-signing-api.js';
import type { KeyType, SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { createAwsKmsKeyManager } from '../../../server-stub/src/key-manager/aws-kms/aws-kms-key-manager.js';
import { rawFromDer } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { UPSTREAM_AUTHORITIES } from '../../../server-stub/src/upstream-authority/upstream-authorities.js';
import { forever } from '../../server-stub/signer/signing-keys.js';
import { partsOf } from '../../server-stub/upstream-authority/upstream-of.js';
import { startMoto, type Moto } from '../aws/corrected-moto.js';
import { startRecordingProxy, type RecordedCall, type RecordingProxy } from '../aws/recording-proxy.js';
import { chainFacts, inputsOf, namesOf, requestFacts, type Facts } from './facts.js';
import { KEYS_INTENDED, REQUESTS_INTENDED, type Intended } from './intended.js';
import { askSpirePlugins } from './spire-plugins.js';

// SPIRE's aws_kms and aws_pca against the same corrected emulator: whatever the service sees of the two, and whatever comes out,
// is the same, but for what is listed here with its reason.

const REGION = 'us-east-1';
const MESSAGE = Buffer.from('what is signed');
const TTL_SECONDS = 5 * 86_400;
const KEYS = [
  { id: 'ks_aaaaaaaaaa', type: 'EC-P256', spire: 'ec-p256' },
  { id: 'ks_bbbbbbbbbb', type: 'EC-P384', spire: 'ec-p384' },
  { id: 'ks_cccccccccc', type: 'RSA-2048', spire: 'rsa-2048' },
] as const satisfies readonly { id: string; type: KeyType; spire: string }[];
/** SPIRE names its keys after what they are for. */
const SPIRE_IDS = KEYS.map(({ spire }) => spire);

const ENV = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example-secret', AWS_REGION: REGION };
let moto: Moto;
let proxy: RecordingProxy;
let authorities: Readonly<Record<'root' | 'subordinate', { readonly arn: string }>>;
test.before(async () => {
  moto = await startMoto();
  authorities = moto.run('ceremony.py') as typeof authorities;
  proxy = await startRecordingProxy(moto.url);
  const disabled = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
  Object.assign(process.env, ENV, disabled, { AWS_ENDPOINT_URL: proxy.url });
});
test.after.always(() => Promise.all([proxy.stop(), moto.stop()]));

const owner = { trustDomainId: 'td-1', deploymentId: 'tdd-1' };
const ourManager = () =>
  createAwsKmsKeyManager({ api: createKmsSigningApi(REGION), owner, keyTags: { team: 'platform' }, rawFromDer });

const askSpire = (more: Partial<Parameters<typeof askSpirePlugins>[0]>) =>
  askSpirePlugins(
    { trustDomain: 'example.org', region: REGION, serverId: 'server-1', message: MESSAGE, ...more },
    { AWS_ENDPOINT_URL: proxy.url },
  );

/** What differs is what is meant to, and differs as is said. */
function compare(t: ExecutionContext, theirs: Facts, ours: Facts, intended: Readonly<Record<string, Intended>>): void {
  const names = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])];
  const different = names.filter((name) => !isDeepStrictEqual(theirs[name], ours[name]));
  const found = Object.fromEntries(different.map((name) => [name, { theirs: theirs[name], ours: ours[name] }]));
  const meant = Object.entries(intended).map(([name, { theirs: their, ours: our }]) => [
    name,
    { theirs: their, ours: our },
  ]);
  t.deepEqual(found, Object.fromEntries(meant));
}

/** Facts of the calls that found, made and used keys. */
function keyFacts(phases: Readonly<Record<'empty' | 'making' | 'again', readonly RecordedCall[]>>): Facts {
  const made = inputsOf(phases.making, 'CreateKey');
  const signed = inputsOf(phases.making, 'Sign');
  return {
    'calls: with nothing there': namesOf(phases.empty),
    'calls: making and signing': namesOf(phases.making),
    'calls: starting again': namesOf(phases.again),
    'CreateKey: fields': [...new Set(made.flatMap((input) => Object.keys(input)))].sort(),
    'CreateKey: specs and usage': made.map(({ KeySpec, KeyUsage }) => [KeySpec, KeyUsage]),
    'CreateKey: tags': made.map(({ Tags }) => (Tags as { TagKey: string }[]).map(({ TagKey }) => TagKey).sort())[0],
    'GetPublicKey: one per key made': inputsOf(phases.making, 'GetPublicKey').length === made.length,
    'Sign: fields': [...new Set(signed.flatMap((input) => Object.keys(input)))].sort(),
    'Sign: what is sent': signed
      .map(({ Message, MessageType, SigningAlgorithm }) => [SigningAlgorithm, MessageType, Message].join(' '))
      .sort(),
    'discovery: filters': filterNames(phases.again),
    'discovery: kind of resource': inputsOf(phases.again, 'GetResources')[0]?.['ResourceTypeFilters'],
  };
}

function filterNames(calls: readonly RecordedCall[]): unknown {
  const [first] = inputsOf(calls, 'GetResources');
  return (first?.['TagFilters'] as { Key: string }[] | undefined)?.map(({ Key }) => Key).sort();
}

const verifiesIn = (key: { readonly spki: Uint8Array; readonly type: KeyType }, signature: Uint8Array): boolean => {
  const publicKey = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' });
  return verify(key.type === 'EC-P384' ? 'sha384' : 'sha256', MESSAGE, publicKey, signature);
};

test.serial(
  'keys: what AWS KMS sees of both is the same, each finds its own again, each verifies the other',
  async (t) => {
    // Ours: an empty deployment, three keys, a signature by each, a restart.
    const manager = ourManager();
    proxy.taken();
    t.deepEqual(await manager.listKeys(forever), []);
    const ourEmpty = proxy.taken();
    const made: SigningKey[] = [];
    for (const { id, type } of KEYS) made.push(await manager.createKey(id, type, forever));
    const ourSignatures = [];
    for (const key of made) {
      ourSignatures.push({ spki: key.publicKeySpki, signature: await key.sign(MESSAGE, forever) });
    }
    const ourMaking = proxy.taken();
    const found = await ourManager().listKeys(forever);
    const ourAgain = proxy.taken();

    // Theirs, in the same account and region.
    t.deepEqual((await askSpire({})).found, []);
    const theirEmpty = proxy.taken();
    const spire = await askSpire({ make: KEYS.map((key) => [key.spire, key.spire]), verify: ourSignatures });
    const theirMaking = proxy.taken();
    const again = await askSpire({ message: Buffer.alloc(0) });
    const theirAgain = proxy.taken();

    t.deepEqual(
      found.map(({ id }) => id).sort(),
      KEYS.map(({ id }) => id),
    );
    t.deepEqual(again.found, [...SPIRE_IDS].sort());
    t.deepEqual(
      found.map(({ publicKeySpki }) => Buffer.from(publicKeySpki).toString('hex')).sort(),
      made.map(({ publicKeySpki }) => Buffer.from(publicKeySpki).toString('hex')).sort(),
    );
    t.deepEqual(spire.verified, [true, true, true]);
    for (const { spire: id, type } of KEYS) {
      const key = spire.keys.find((one) => one.id === id);
      t.true(key !== undefined && verifiesIn({ spki: key.spki, type }, key.signature), id);
    }
    compare(
      t,
      keyFacts({ empty: theirEmpty, making: theirMaking, again: theirAgain }),
      keyFacts({ empty: ourEmpty, making: ourMaking, again: ourAgain }),
      KEYS_INTENDED,
    );
  },
);

for (const kind of ['root', 'subordinate'] as const) {
  test.serial(
    `a CA below a ${kind} CA: what AWS Private CA sees of both, and what it gives them, is the same`,
    async (t) => {
      const { arn } = authorities[kind];
      const key = await ourManager().createKey(`ks_${kind.padEnd(10, '0').slice(0, 10)}`, 'EC-P256', forever);
      const acmPca = createAcmPca({
        clock: systemClock,
        endpoints: { acmPca: proxy.url },
        sessionName: 'spirl-server',
      });
      const upstream = UPSTREAM_AUTHORITIES.awsPca(
        { certificateAuthorityArn: arn },
        partsOf({ clock: systemClock, acmPca }),
      );
      proxy.taken();
      const ourStart = Date.now();
      const minted = await upstream.mintCa(
        { key, keysetId: key.id, trustDomain: TrustDomain.parse('example.org'), preferredTtlMs: TTL_SECONDS * 1000 },
        forever,
      );
      const ourCalls = proxy.taken();
      const theirStart = Date.now();
      const asked = { make: [[`ca-${kind}`, 'ec-p256']] as const, mintFor: `ca-${kind}` };
      const spire = await askSpire({ ...asked, certificateAuthorityArn: arn, ttlSeconds: TTL_SECONDS });
      const theirCalls = proxy.taken();

      const csrOf = (calls: readonly RecordedCall[]): Buffer => {
        const pem = Buffer.from(String(inputsOf(calls, 'IssueCertificate')[0]?.['Csr']), 'base64').toString('utf8');
        return Buffer.from(pem.replaceAll(/-----[^-]*-----|\s/g, ''), 'base64');
      };
      compare(
        t,
        {
          ...callFacts(theirCalls, theirStart),
          ...requestFacts(csrOf(theirCalls)),
          ...chainFacts(spire.chain, spire.roots, theirStart),
        },
        {
          ...callFacts(ourCalls, ourStart),
          ...requestFacts(csrOf(ourCalls)),
          ...chainFacts([minted.caCertificate, ...minted.intermediates], minted.x509Authorities, ourStart),
        },
        REQUESTS_INTENDED,
      );
    },
  );
}

/** What Private CA was asked. */
function callFacts(calls: readonly RecordedCall[], start: number): Facts {
  const issues = inputsOf(calls, 'IssueCertificate');
  const [issue = {}] = issues;
  const { Type, Value } = issue['Validity'] as { Type: string; Value: number };
  return {
    'PCA calls': namesOf(calls).filter((name) => name.includes('Certificate')),
    'PCA IssueCertificate: how often': issues.length,
    'PCA IssueCertificate: fields': Object.keys(issue).sort(),
    'PCA IssueCertificate: authority': issue['CertificateAuthorityArn'],
    'PCA IssueCertificate: algorithm': issue['SigningAlgorithm'],
    'PCA IssueCertificate: template': issue['TemplateArn'],
    'PCA IssueCertificate: validity': [Type, Math.round((Value * 1000 - start) / 60_000)],
  };
}
