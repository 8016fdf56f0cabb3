import test from 'ava';
import { schemaCheck } from '../../../../server-stub/src/config/json-schema.js';
import { webhookProvider } from '../../../../server-stub/src/key-manager/webhook/webhook-provider.js';
import { readWebhookSettings } from '../../../../server-stub/src/key-manager/webhook/webhook-section.js';
import { TestFiles } from './webhook-of.js';

const declared = {
  files: new TestFiles(),
  webhookHosts: ['hsm.example.org', 'other.example.org:8443'],
  modules: [],
  pkcs11Problem: () => undefined,
};
const problems = (settings: Record<string, unknown>) => webhookProvider.problems(settings, '/w', declared);

test('the settings of the contract are read, with a timeout of ten seconds unless they say one', (t) => {
  const webhookURL = 'https://hsm.example.org/base';
  t.deepEqual(problems({ webhookURL, timeout: '1m', caCertPath: '/etc/spirl/ca.pem' }), []);
  t.deepEqual(readWebhookSettings({ webhookURL }), { webhookURL, timeoutMs: 10_000 });
  t.deepEqual(readWebhookSettings({ webhookURL, timeout: '2.5s', bearerTokenPath: '/etc/spirl/t' }), {
    webhookURL,
    timeoutMs: 2_500,
    bearerTokenPath: '/etc/spirl/t',
  });
});

test('everything that is wrong is told together, with its place', (t) => {
  const settings = {
    webhookURL: 'http://hsm.example.org',
    timeout: '1h',
    caCertPath: '/elsewhere/ca.pem',
    bearerTokenPath: 'token',
  };
  t.deepEqual(
    problems(settings).map(({ path }) => path),
    ['/w/webhookURL', '/w/caCertPath', '/w/bearerTokenPath', '/w/timeout'],
  );
});

for (const [webhookURL, reason] of [
  ['https://hsm.example.org:8443/', undefined],
  ['https://HSM.example.org', undefined],
  ['https://other.example.org:8443/x', undefined],
  ['https://other.example.org/x', /declares/],
  ['https://hsm.example.org.evil.test', /declares/],
  ['https://user:secret@hsm.example.org', /without user name/],
  ['https://hsm.example.org?x=1', /without query/],
  ['hsm.example.org', /URL is expected/],
] as const) {
  test(`${webhookURL} is ${reason === undefined ? 'a webhook' : 'refused'}`, (t) => {
    const [problem] = problems({ webhookURL });
    if (reason === undefined) t.is(problem, undefined);
    else t.regex(problem?.reason ?? '', reason);
  });
}

test('the structure: unknown, missing and mistyped fields', (t) => {
  const found = schemaCheck(webhookProvider.schema)({ timeout: 10, retries: 3 }, '/w');
  t.deepEqual(found.map(({ path }) => path).sort(), ['/w/retries', '/w/timeout', '/w/webhookURL']);
});

test('one address has one place, however it is spelt', (t) => {
  const place = (webhookURL: string) => webhookProvider.place({ webhookURL });
  t.is(place('https://HSM.example.org:443/a/'), place('https://hsm.example.org/a'));
  t.not(place('https://hsm.example.org/a'), place('https://hsm.example.org/b'));
});
