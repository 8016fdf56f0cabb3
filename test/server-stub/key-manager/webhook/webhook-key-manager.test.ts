import { createHash, createPublicKey, verify } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { KeyServiceThrottled, SignedWithAnotherKey } from '../../../../server-stub/src/domain/key-manager.js';
import type { SigningKey } from '../../../../server-stub/src/domain/signing-key.js';
import { derFromRaw } from '../../../../server-stub/src/signer/ecdsa-signature.js';
import { keyManagerContract } from '../../../contract/key-manager.js';
import { answer, KeyServiceServer, newKey, type Interference } from '../../../fakes/key-service-server.js';
import { signDigestRaw } from '../../../fakes/prehashed-ecdsa.js';
import { webhookOf } from './webhook-of.js';

const signal = new AbortController().signal;
const ID = 'ks_aaaaaaaaaa';
const DATA = Buffer.from('data');

/** A server per test: each has its own keys and its own faults. */
async function serve(t: ExecutionContext): Promise<KeyServiceServer> {
  const server = await KeyServiceServer.start();
  t.teardown(() => server.close());
  return server;
}

/** Contract tests have no context of their own; their servers end with the file. */
const servers: KeyServiceServer[] = [];
test.after.always(async () => {
  for (const server of servers) await server.close();
});

for (const encoding of ['der', 'raw'] as const) {
  keyManagerContract(test, `webhook, ${encoding}`, ['EC-P256', 'EC-P384', 'RSA-2048'], async () => {
    const server = await KeyServiceServer.start();
    servers.push(server);
    server.encoding = encoding;
    return {
      manager: webhookOf(server).manager,
      restarted: () => Promise.resolve(webhookOf(server).manager),
    };
  });
}

function verifies(key: SigningKey, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  return verify('sha256', DATA, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

test('a service is shared by deployments: the keys of others are neither listed nor touched', async (t) => {
  const server = await serve(t);
  for (const other of ['tdd-2-ks_aaaaaaaaaa', 'tdd-1-something', 'signing-key-2026-01']) {
    server.keys.set(other, newKey('EC-P256'));
  }
  const { manager } = webhookOf(server);
  await manager.createKey(ID, 'EC-P256', signal);
  t.deepEqual(
    (await manager.listKeys(signal)).map(({ id }) => id),
    [ID],
  );
  t.true(server.keys.has(`tdd-1-${ID}`));
});

test('signatures share connections', async (t) => {
  const server = await serve(t);
  const key = await webhookOf(server).manager.createKey(ID, 'EC-P256', signal);
  for (let i = 0; i < 20; i++) t.true(verifies(key, await key.sign(DATA, signal)));
  t.true(server.sockets.size <= 2, `${server.sockets.size} connections`);
});

test('a connection that the service closed while it was idle costs nothing', async (t) => {
  const server = await serve(t);
  const key = await webhookOf(server).manager.createKey(ID, 'EC-P256', signal);
  await key.sign(DATA, signal);
  let cut = 0;
  server.interfere = (request) => {
    // Kept connections are cut when they are used again, new ones are not.
    if (request.headers.connection === 'close') return false;
    cut++;
    request.socket.destroy();
    return true;
  };
  t.true(verifies(key, await key.sign(DATA, signal)));
  t.is(cut, 1);
});

test('the answer to a creation is lost, and the key is found and used', async (t) => {
  const server = await serve(t);
  server.interfere = (request, response) => {
    if (request.method !== 'POST') return false;
    response.end = (() => request.socket.destroy()) as unknown as typeof response.end;
    return false;
  };
  const { manager } = webhookOf(server);
  const key = await manager.createKey(ID, 'EC-P256', signal);
  server.interfere = () => false;
  t.true(verifies(key, await key.sign(DATA, signal)));
  t.is(server.keys.size, 1);
});

const status =
  (code: number, headers: Record<string, string> = {}): Interference =>
  (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    answer(response, code, { error: `sorry, not with ${request.headers.authorization ?? 'nothing'}` });
    return true;
  };
const raw =
  (body: string): Interference =>
  (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(body);
    return true;
  };
const onSocket =
  (act: (socket: import('node:net').Socket) => void): Interference =>
  (request) => {
    act(request.socket);
    return true;
  };
const signature = (text: string, fingerprint = `sha256:${'0'.repeat(64)}`) =>
  raw(JSON.stringify({ signature: text, key_fingerprint: fingerprint }));

const UNAVAILABLE = 'KEY_SERVICE_UNAVAILABLE';
const REFUSED = 'KEY_SERVICE_REFUSED';
const faults: { name: string; fault: Interference; code: string; message: RegExp }[] = [
  { name: '401', fault: status(401), code: REFUSED, message: /HTTP 401 \(is the bearer token right\?\)/ },
  { name: '403', fault: status(403), code: REFUSED, message: /refused to sign: HTTP 403/ },
  { name: '404', fault: status(404), code: REFUSED, message: /HTTP 404/ },
  { name: '400', fault: status(400), code: REFUSED, message: /HTTP 400/ },
  { name: '408', fault: status(408), code: UNAVAILABLE, message: /failed to sign: HTTP 408/ },
  { name: '500', fault: status(500), code: UNAVAILABLE, message: /failed to sign: HTTP 500/ },
  { name: '502', fault: status(502), code: UNAVAILABLE, message: /HTTP 502/ },
  { name: '504', fault: status(504), code: UNAVAILABLE, message: /HTTP 504/ },
  {
    name: 'a redirect',
    fault: status(307, { location: 'https://127.0.0.1:1/keys' }),
    code: REFUSED,
    message: /HTTP 307 \(redirects are not followed\)/,
  },
  { name: 'garbage', fault: raw('<html>'), code: UNAVAILABLE, message: /something that is no JSON object/ },
  { name: 'a list', fault: raw('[]'), code: UNAVAILABLE, message: /no JSON object/ },
  { name: 'nothing', fault: raw(''), code: UNAVAILABLE, message: /no JSON object/ },
  { name: 'too much', fault: raw('x'.repeat(70_000)), code: UNAVAILABLE, message: /more than 65536 bytes/ },
  { name: 'no base64', fault: signature('a!b='), code: UNAVAILABLE, message: /a signature that is no base64/ },
  { name: 'no fingerprint', fault: signature('AAAA', ''), code: UNAVAILABLE, message: /a fingerprint that is not/ },
  { name: 'a reset', fault: onSocket((s) => s.destroy()), code: UNAVAILABLE, message: /connection was cut/ },
  {
    name: 'a truncated body',
    fault: onSocket((s) => s.end('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"signature":')),
    code: UNAVAILABLE,
    message: /connection was cut/,
  },
  {
    name: 'no HTTP',
    fault: onSocket((s) => s.end('SSH-2.0-OpenSSH_9.2\r\n')),
    code: UNAVAILABLE,
    message: /the answer is no HTTP/,
  },
];
for (const { name, fault, code, message } of faults) {
  test(`${name} instead of a signature: ${code}, without the token`, async (t) => {
    const server = await serve(t);
    const { manager } = webhookOf(server, { bearerTokenPath: '/etc/spirl/token' });
    const key = await manager.createKey(ID, 'EC-P256', signal);
    server.interfere = fault;
    const error = await t.throwsAsync(key.sign(DATA, signal), { code, message });
    t.notRegex(inspected(error), /token-1/);
    server.interfere = () => false;
    t.true(verifies(key, await key.sign(DATA, signal)), 'the next one is right again');
  });
}

function inspected(error: Error | undefined): string {
  return error === undefined ? '' : `${error.message} ${inspected(error.cause as Error | undefined)}`;
}

for (const code of [429, 503]) {
  test(`${code} is a wish for fewer calls, with the time that the service names`, async (t) => {
    const server = await serve(t);
    const key = await webhookOf(server).manager.createKey(ID, 'EC-P256', signal);
    server.interfere = status(code, { 'retry-after': '3' });
    const error = await t.throwsAsync(key.sign(DATA, signal), { instanceOf: KeyServiceThrottled });
    t.is(error.retryAfterMs, 3_000);
  });
}

test('a service that is silent for longer than the timeout is unavailable', async (t) => {
  const server = await serve(t);
  const { manager } = webhookOf(server, { timeoutMs: 200 });
  server.interfere = () => true;
  await t.throwsAsync(manager.listKeys(signal), { code: UNAVAILABLE, message: /no answer within 0\.2 s/ });
});

test('a caller that goes away ends its call', async (t) => {
  const server = await serve(t);
  const key = await webhookOf(server).manager.createKey(ID, 'EC-P256', signal);
  server.interfere = () => true;
  const gone = new AbortController();
  const signing = key.sign(DATA, gone.signal);
  gone.abort(new Error('gone'));
  await t.throwsAsync(signing, { message: 'gone' });
});

test('a service that says it signed with another key is not believed', async (t) => {
  const server = await serve(t);
  const key = await webhookOf(server).manager.createKey(ID, 'EC-P256', signal);
  const held = server.keys.get(`tdd-1-${ID}`);
  if (held === undefined) return t.fail();
  server.keys.set(`tdd-1-${ID}`, newKey('EC-P256'));
  await t.throwsAsync(key.sign(DATA, signal), { instanceOf: SignedWithAnotherKey, message: /signed with another key/ });
  server.keys.set(`tdd-1-${ID}`, { ...held, fingerprint: held.fingerprint.toUpperCase().replace('SHA', 'sha') });
  t.true(verifies(key, await key.sign(DATA, signal)), 'case is no difference');
});

test('a signature by another key under the right name does not verify', async (t) => {
  const server = await serve(t);
  const key = await webhookOf(server).manager.createKey(ID, 'EC-P256', signal);
  const other = newKey('EC-P256').privateKey;
  server.signDigest = (_, digest) => derFromRaw(signDigestRaw(other, digest));
  t.false(verifies(key, await key.sign(DATA, signal)), 'which is what the signer looks at');
});

const forms: { name: string; edit: (der: Buffer) => Buffer }[] = [
  { name: 'one octet more', edit: (der) => Buffer.concat([der, Buffer.of(0)]) },
  { name: 'one octet less', edit: (der) => der.subarray(0, -1) },
  { name: 'nothing', edit: () => Buffer.alloc(0) },
  { name: 'raw of another curve', edit: () => Buffer.alloc(96, 1) },
];
for (const { name, edit } of forms) {
  test(`a signature that is neither DER nor r||s is refused: ${name}`, async (t) => {
    const server = await serve(t);
    const key = await webhookOf(server).manager.createKey(ID, 'EC-P256', signal);
    server.signDigest = ({ privateKey }, digest) => edit(derFromRaw(signDigestRaw(privateKey, digest)));
    await t.throwsAsync(key.sign(DATA, signal), { code: UNAVAILABLE, message: /neither DER nor 64 octets/ });
  });
}

const oddKeys: { name: string; public_key: string; message: RegExp }[] = [
  { name: 'no PEM', public_key: 'x', message: /no PEM PUBLIC KEY/ },
  { name: 'a private key', public_key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END', message: /no PEM PUBLIC KEY/ },
  {
    name: 'another curve',
    public_key:
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----',
    message: /of no type known here/,
  },
];
for (const { name, public_key, message } of oddKeys) {
  test(`a public key that cannot be used is refused: ${name}`, async (t) => {
    const server = await serve(t);
    const fingerprint = `sha256:${'0'.repeat(64)}`;
    server.interfere = raw(JSON.stringify({ keys: [{ key_id: `tdd-1-${ID}`, public_key, fingerprint }] }));
    await t.throwsAsync(webhookOf(server).manager.listKeys(signal), { code: UNAVAILABLE, message });
  });
}

test('a key of another type than the one asked for is not used', async (t) => {
  const server = await serve(t);
  const { publicKey: public_key, fingerprint } = newKey('EC-P384');
  server.interfere = raw(JSON.stringify({ public_key, fingerprint }));
  const { manager } = webhookOf(server);
  await t.throwsAsync(manager.createKey(ID, 'EC-P256', signal), {
    code: REFUSED,
    message: /type EC-P384, not EC-P256/,
  });
});

test('only the authorities of caCertPath vouch for the service', async (t) => {
  const [server, other] = [await serve(t), await serve(t)];
  const { manager, files } = webhookOf(server);
  files.set('/etc/spirl/ca.pem', other.ca);
  await t.throwsAsync(manager.listKeys(signal), { code: UNAVAILABLE, message: /authority that is not trusted/ });
});

test('a host that is not declared is never asked', async (t) => {
  const server = await serve(t);
  const { manager } = webhookOf(server, { webhookURL: server.url.replace('127.0.0.1', 'localhost') });
  await t.throwsAsync(manager.listKeys(signal), { code: 'INVALID_CONFIG', message: /extensions\.webhookHosts/ });
  t.deepEqual(server.requests, []);
});

test('the digest of an RSA signature is asked for by its name, and a signature by another RSA key does not verify', async (t) => {
  const server = await serve(t);
  const { manager } = webhookOf(server);
  const key = await manager.createKey(ID, 'RSA-2048', signal);
  const asked: Buffer[] = [];
  const { signDigest } = server;
  server.signDigest = (held, digest) => {
    asked.push(digest);
    return signDigest(held, digest);
  };
  const signed = await key.sign(DATA, signal);
  t.is(signed.length, 256);
  t.deepEqual(asked, [createHash('sha256').update(DATA).digest()]);
  server.signDigest = (_, digest) => signDigest(newKey('RSA-2048'), digest);
  t.false(verifies(key, await key.sign(DATA, signal)));
});
