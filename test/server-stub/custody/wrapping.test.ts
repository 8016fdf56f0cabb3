import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parseServerConfig } from '../../../server-stub/src/config/server-config.js';
import { configuredProvider, configuredWrapping } from '../../../server-stub/src/wrapping.js';
import { FakeClock } from '../../fakes/fake-clock.js';

const minimal = 'trustDomainDeployment: { trustDomainName: example.org }\n';
const keyArn = 'arn:aws:kms:eu-west-3:123456789012:key/example-key-id';
const aws = parseServerConfig(`${minimal}aws: { kmsKeyARN: "${keyArn}" }`);
const hsm = { url: 'https://my-managed-hsm.managedhsm.azure.net/', keyName: 'defakto-wrapping-key' };
const azure = parseServerConfig(`${minimal}azure: { keyVault: ${JSON.stringify(hsm)} }`);

test('the configuration says which service wraps keys, and its success is told with the names as they were written', async (t) => {
  t.deepEqual([parseServerConfig(minimal), aws, azure].map(configuredProvider), ['local', 'awsKMS', 'azureManagedHSM']);
  const [kms, vault] = [aws, azure].map((config) => configuredWrapping(config, false, new FakeClock()));
  t.like(await kms, { message: 'Key wrapping via KMS', wrapping: { keyArn } });
  t.deepEqual((await kms)?.fields(''), { keyARN: keyArn });
  t.like(await vault, {
    message: 'Key wrapping via Azure Key Vault',
    wrapping: { vaultUrl: 'https://my-managed-hsm.managedhsm.azure.net' },
  });
  t.deepEqual((await vault)?.fields(''), { keyVaultURL: hsm.url, keyName: hsm.keyName });
});

test('no client of a cloud is loaded by a server that needs none', (t) => {
  // Asked of a process of its own, by what it has resolved when the whole server was imported.
  const server = fileURLToPath(new URL('../../../server-stub/src/server.js', import.meta.url));
  const hook = `
    import { register } from 'node:module';
    const seen = [];
    const { port1, port2 } = new MessageChannel();
    port1.on('message', (url) => seen.push(url));
    register('data:text/javascript,' + encodeURIComponent(
      'let port; export const initialize = (data) => { port = data.port; };' +
      'export const resolve = async (s, c, next) => { const r = await next(s, c); port.postMessage(r.url); return r; };'
    ), { parentURL: import.meta.url, data: { port: port2 }, transferList: [port2] });
    await import(${JSON.stringify(server)});
    setTimeout(() => { console.log(JSON.stringify(seen)); process.exit(0); }, 50);`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', hook], { encoding: 'utf8' });
  const loaded = JSON.parse(output) as string[];
  t.true(loaded.some((url) => url.includes('key-wrapping/kms-wrapper')));
  t.deepEqual(
    loaded.filter((url) => /node_modules\/(@aws-sdk|@smithy|@azure)\//.test(url)),
    [],
  );
});
