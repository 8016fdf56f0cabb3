import test from 'ava';
import { schemaCheck } from '../../../../server-stub/src/config/json-schema.js';
import { bindingProblem } from '../../../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import { pkcs11Provider } from '../../../../server-stub/src/key-manager/pkcs11/pkcs11-provider.js';
import { pkcs11Problems, readPkcs11Settings } from '../../../../server-stub/src/key-manager/pkcs11/pkcs11-section.js';
import { TestFiles } from '../webhook/webhook-of.js';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const declared = { files: new TestFiles(), webhookHosts: [], modules: [MODULE], pkcs11Problem: () => undefined };
const right = { modulePath: MODULE, tokenLabel: 'spirl', pinPath: '/etc/spirl/pin' };
const problems = (settings: Record<string, unknown>) => pkcs11Problems(settings, '/p', declared);

test('the settings are read with their defaults', (t) => {
  t.deepEqual(problems(right), []);
  t.deepEqual(readPkcs11Settings(right), {
    modulePath: MODULE,
    tokenLabel: 'spirl',
    pin: { path: '/etc/spirl/pin' },
    keyType: 'EC-P256',
    hashing: 'here',
    sessions: 4,
  });
  const other = {
    ...right,
    pinPath: undefined,
    pinEnvironmentVariable: 'SPIRL_PKCS11_PIN',
    mechanism: 'CKM_ECDSA_SHA384',
    sessions: 16,
  };
  t.deepEqual(problems(other), []);
  const read = readPkcs11Settings(other);
  t.is(read.keyType, 'EC-P384');
  t.is(read.hashing, 'token');
  t.deepEqual(read.pin, { environmentVariable: 'SPIRL_PKCS11_PIN' });
});

const wrong: { name: string; change: Record<string, unknown>; path: string; reason: RegExp }[] = [
  {
    name: 'a module of nobody',
    change: { modulePath: '/tmp/evil.so' },
    path: '/p/modulePath',
    reason: /extensions\.modules/,
  },
  { name: 'a long label', change: { tokenLabel: 'é'.repeat(17) }, path: '/p/tokenLabel', reason: /32 octets/ },
  { name: 'a PIN file elsewhere', change: { pinPath: '/etc/shadow' }, path: '/p/pinPath', reason: /declared/ },
  { name: 'two PINs', change: { pinEnvironmentVariable: 'SPIRL_PKCS11_A' }, path: '/p', reason: /one of pinPath and/ },
  {
    name: 'a variable that holds something else',
    change: { pinPath: undefined, pinEnvironmentVariable: 'AWS_SECRET_ACCESS_KEY' },
    path: '/p/pinEnvironmentVariable',
    reason: /SPIRL_PKCS11_/,
  },
  { name: 'no PIN', change: { pinPath: undefined }, path: '/p', reason: /one of pinPath and/ },
  {
    name: 'a key type of another mechanism',
    change: { mechanism: 'CKM_RSA_PKCS', keyType: 'EC-P256' },
    path: '/p/keyType',
    reason: /RSA-2048/,
  },
];
for (const { name, change, path, reason } of wrong) {
  test(`refused: ${name}`, (t) => {
    const [problem, ...others] = problems({ ...right, ...change });
    t.deepEqual(others, []);
    t.is(problem?.path, path);
    t.regex(problem?.reason ?? '', reason);
  });
}

test('a PIN in the section itself is unknown, and is not repeated', (t) => {
  const found = schemaCheck(pkcs11Provider.schema)({ ...right, pin: '31337', sessions: 17, mechanism: 'RSA' }, '/p');
  t.deepEqual(found.map(({ path }) => path).sort(), ['/p/mechanism', '/p/pin', '/p/sessions']);
  t.notRegex(JSON.stringify(found), /31337/);
});

test('an installation without the binding says so', (t) => {
  const missing = Object.assign(new Error("Cannot find module 'pkcs11js' in /somewhere"), { code: 'MODULE_NOT_FOUND' });
  const reason = bindingProblem(() => {
    throw missing;
  });
  t.regex(reason ?? '', /the optional package pkcs11js is missing or was not compiled \(MODULE_NOT_FOUND\)/);
  t.notRegex(reason ?? '', /somewhere/);
});

test('a token has one place', (t) => {
  t.is(pkcs11Provider.place(right), pkcs11Provider.place({ ...right, sessions: 9 }));
});
