import { CreateKeyCommand, DisableKeyCommand, KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import test from 'ava';
import { startMoto, type Moto } from '../aws/corrected-moto.js';
import { CountingProxy } from './counting-proxy.js';
import { WrappedDeployment } from './wrapped-deployment.js';
import { failingStart, wrappingLife } from './wrapping-life.js';

// The server as it ships, official SDK included, against moto with this project's corrections.

const ENV = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'example-secret',
  AWS_EC2_METADATA_DISABLED: 'true',
};
let moto: Moto;
let proxy: CountingProxy;
let client: KMSClient;
test.before(async () => {
  moto = await startMoto();
  proxy = new CountingProxy(moto.url);
  await proxy.up();
  const credentials = { accessKeyId: ENV.AWS_ACCESS_KEY_ID, secretAccessKey: ENV.AWS_SECRET_ACCESS_KEY };
  client = new KMSClient({ region: 'us-east-1', endpoint: moto.url, credentials });
});
test.after.always(async () => {
  await proxy.down();
  await moto.stop();
});

async function newKey(shape: ConstructorParameters<typeof CreateKeyCommand>[0] = {}): Promise<string> {
  const { KeyMetadata } = await client.send(new CreateKeyCommand(shape));
  return KeyMetadata?.Arn ?? '';
}
const settings = (arn: string, url = proxy.url) => `aws: { kmsKeyARN: "${arn}", endpoints: { kms: "${url}" } }\n`;

test.serial('keys wrapped by AWS KMS: start, rotation, outage, kill -9, restart, a wrong key', async (t) => {
  const [arn, other] = [await newKey(), await newKey()];
  await wrappingLife(t, {
    settings: settings(arn),
    otherKey: settings(other),
    env: ENV,
    success: `Key wrapping via KMS keyARN=${arn}`,
    name: 'awsKMS',
    kek: arn,
    otherKek: other,
    permitted: ['Encrypt', 'Decrypt'],
    calls: () => Promise.resolve(proxy.calls),
    resetCalls: () => proxy.reset(),
    down: () => proxy.down(),
    up: () => proxy.up(),
  });
});

const symmetric = 'is not a symmetric encryption key (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT) (InvalidKeyUsageException)';
test.serial('an asymmetric key is refused at once, by name', async (t) => {
  for (const shape of [
    { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' },
    { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  ] as const) {
    const arn = await newKey(shape);
    t.is(await failingStart(t, settings(arn), ENV), `AWS KMS cannot do kms:Encrypt: key ${arn} ${symmetric}`);
  }
});

test.serial('a key that is disabled, pending deletion or not there is refused at once, by name', async (t) => {
  const [disabled, dying] = [await newKey(), await newKey()];
  await client.send(new DisableKeyCommand({ KeyId: disabled }));
  await client.send(new ScheduleKeyDeletionCommand({ KeyId: dying, PendingWindowInDays: 7 }));
  const missing = 'arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000';
  t.is(
    await failingStart(t, settings(disabled), ENV),
    `AWS KMS cannot do kms:Encrypt: key ${disabled} is disabled (DisabledException)`,
  );
  t.is(
    await failingStart(t, settings(dying), ENV),
    `AWS KMS cannot do kms:Encrypt: key ${dying} is pending deletion or in another state in which it cannot be used (KMSInvalidStateException)`,
  );
  t.is(
    await failingStart(t, settings(missing), ENV),
    `AWS KMS has no key ${missing} for kms:Encrypt: check its id, account and region (NotFoundException)`,
  );
});

test.serial('without credentials the start ends at once and says where they were looked for', async (t) => {
  const arn = await newKey();
  const none = { ...ENV, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', HOME: '/nonexistent' };
  t.regex(await failingStart(t, settings(arn), none), /^no AWS credentials for kms:Encrypt on key arn:/);
});

test.serial('an unreachable service is waited for, bounded, and then named', async (t) => {
  const arn = await newKey();
  const away = `${settings(arn, 'http://127.0.0.1:1')}startup: { keyServiceTimeout: 2s }\n`;
  const told = `AWS KMS is away for kms:Encrypt on key ${arn}: connection refused; waited 2s for it`;
  t.is(await failingStart(t, away, ENV), told);
});

// Last: from here on the emulator checks signatures and permissions.
test.serial('the two actions of the page suffice, and a missing one is named', async (t) => {
  type User = Readonly<Record<string, string>>;
  const made = moto.run('../key-wrapping/aws_users.py') as {
    arn: string;
    allowed: User;
    encryptOnly: User;
    denied: User;
  };
  const { arn } = made;
  await moto.checkAccess(true);
  t.teardown(() => moto.checkAccess(false));
  const deployment = await WrappedDeployment.make();
  t.teardown(() => deployment.destroy());
  proxy.reset();
  const server = await deployment.start(settings(arn), { ...ENV, ...made.allowed });
  await server.says(`Key wrapping via KMS keyARN=${arn}`);
  await server.says('Serving metrics and health');
  t.is((await deployment.keyset('rewrap')).code, 0);
  t.deepEqual(Object.keys(proxy.calls).sort(), ['Decrypt', 'Encrypt']);
  const denied = (action: string): string =>
    `AWS KMS denied ${action} on key ${arn}: the server's AWS identity needs a policy that allows ${action} on it (AccessDeniedException)`;
  t.is(await failingStart(t, settings(arn), { ...ENV, ...made.denied }), denied('kms:Encrypt'));
  t.is(await failingStart(t, settings(arn), { ...ENV, ...made.encryptOnly }), denied('kms:Decrypt'));
  const unknown = { ...ENV, ...made.allowed, AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN' };
  const told = await failingStart(t, settings(arn), unknown);
  t.regex(told, /^AWS did not accept the server's credentials for kms:Encrypt on key arn:/);
  t.false(told.includes('AKIAUNKNOWN'));
});
