import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../src/runtime/clock.js';
import { awsCredentials } from '../../../server-stub/src/cloud/aws/aws-credentials.js';
import { forever } from '../signer/signing-keys.js';

// The SDK's own chain reads the environment of this process, which is this file's alone.
for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name);
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
process.env['AWS_MAX_ATTEMPTS'] = '1';
process.env['HOME'] = '/nonexistent';

const source = () =>
  awsCredentials(
    { clock: systemClock, endpoints: {}, sessionName: 'spirl-server' },
    { region: 'us-east-1', partition: 'aws' },
  );

test.serial('no credentials anywhere are a refusal that names where they were looked for', async (t) => {
  await t.throwsAsync(source().current(forever), {
    code: 'KEY_SERVICE_REFUSED',
    message: 'no AWS credentials were found: none in environment, profile, web identity, container or instance',
  });
});

test.serial('a web identity: STS that is away may come back, STS that refuses is told without the token', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'spirl-web-identity-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, 'token'), 'header.payload.signature');
  process.env['AWS_WEB_IDENTITY_TOKEN_FILE'] = join(dir, 'token');
  process.env['AWS_ROLE_ARN'] = 'arn:aws:iam::123456789012:role/server';
  process.env['AWS_ENDPOINT_URL_STS'] = 'http://127.0.0.1:1';
  await t.throwsAsync(source().current(forever), {
    code: 'KEY_SERVICE_UNAVAILABLE',
    message: 'no AWS credentials: what gives them is away (connection refused)',
  });

  const told = '<Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>no</Message></Error>';
  const sts = createServer((request, response) => {
    request.resume();
    response.writeHead(400, { 'content-type': 'text/xml' });
    response.end(`<ErrorResponse>${told}<RequestId>1</RequestId></ErrorResponse>`);
  });
  await new Promise<void>((resolve) => sts.listen(0, '127.0.0.1', resolve));
  t.teardown(() => sts.close());
  process.env['AWS_ENDPOINT_URL_STS'] = `http://127.0.0.1:${(sts.address() as AddressInfo).port}`;
  const error = await t.throwsAsync(source().current(forever), { code: 'KEY_SERVICE_REFUSED' });
  t.regex(error.message, /^AWS STS refused sts:AssumeRoleWithWebIdentity on the server's role: InvalidIdentityToken/);
});
