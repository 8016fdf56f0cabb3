import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { certificatePem } from '../../src/runtime/certificate-facts.js';
import type { KeyType } from '../../server-stub/src/domain/signing-key.js';
import { issuanceOver, keysetOf, session, stateOf } from '../server-stub/issuance/issuance-of.js';
import { callerOf } from '../fakes/svid-caller.js';
import { forever, sharedKey } from '../server-stub/signer/signing-keys.js';
import { openThreadMinter } from '../server-stub/signer/thread-minter.js';
import { NOW } from '../server-stub/signer/test-ca.js';

const directory = mkdtempSync(join(tmpdir(), 'spirl-openssl-'));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

/** Output of the openssl program; throws with its complaint when it fails. */
const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const subjects = { 'no subject': undefined, 'a subject': 'CN={{linux.user.name}},O=Lučić\\, Sons,C=US' } as const;

const minters = {
  'the main thread': () => Promise.resolve({ minter: undefined, end: () => Promise.resolve() }),
  'a worker thread': () => openThreadMinter(() => {}),
} as const;
const types = ['EC-P256', 'EC-P384', 'RSA-2048'] as const satisfies KeyType[];
const cases = types.flatMap((type) =>
  Object.entries(subjects).flatMap(([which, subject]) =>
    Object.entries(minters).map(([who, open]) => ({ type, which, subject, who, open })),
  ),
);

for (const { type, which, subject, who, open } of cases) {
  test(`openssl verifies an X.509-SVID with ${which}, signed with ${type} by ${who}, strictly and for both purposes`, async (t) => {
    const key = sharedKey(type);
    const keyset = await keysetOf('ks_aaaaaaaaaa', key, 'ACTIVE');
    const spec = subject === undefined ? undefined : { policy: { x509: { subject } } };
    const { minter, end } = await open();
    const { issueX509Svid } = issuanceOver({ value: stateOf(1, [[keyset, key]]) }, spec, undefined, minter);
    const item = { attributes: { 'linux.user.name': ['alice'] }, renewal: false };
    const svid = await issueX509Svid(session, item, callerOf(forever));
    await end();

    const name = `${type}-${subject === undefined ? 'plain' : 'subject'}-${who.replaceAll(' ', '-')}`;
    const [ca, leaf, secret] = ['ca', 'leaf', 'key'].map((file) => join(directory, `${name}-${file}`)) as [
      string,
      string,
      string,
    ];
    writeFileSync(ca, certificatePem(keyset.caCertificate));
    writeFileSync(leaf, certificatePem(svid.chain[0] ?? Buffer.alloc(0)));
    writeFileSync(secret, svid.privateKey);

    const at = String(Math.floor(NOW / 1000) + 60);
    for (const purpose of ['sslserver', 'sslclient']) {
      const answer = openssl('verify', '-x509_strict', '-attime', at, '-purpose', purpose, '-CAfile', ca, leaf);
      t.regex(answer, /: OK$/m);
    }
    const text = openssl('x509', '-in', leaf, '-noout', '-text');
    t.regex(text, subject === undefined ? /Alternative Name: critical\s+URI:/ : /Alternative Name: \s*URI:/);
    t.regex(text, /Key Usage: critical\s+Digital Signature\n/);
    t.regex(text, /Basic Constraints: critical\s+CA:FALSE/);
    const publicKey = openssl('x509', '-in', leaf, '-noout', '-pubkey');
    t.is(openssl('pkey', '-inform', 'DER', '-in', secret, '-pubout'), publicKey);
  });
}
