import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { certificatePem } from '../../../src/runtime/certificate-facts.js';
import { systemClock } from '../../../src/runtime/clock.js';
import * as x509 from '../../../src/runtime/x509.js';
import { UPSTREAM_AUTHORITIES } from '../../../server-stub/src/upstream-authority/upstream-authorities.js';
import { upstreamAuthorityContract } from '../../contract/upstream-authority.js';
import { serverUsage, TestCa } from '../../fakes/test-pki.js';
import { forever, localKey } from '../signer/signing-keys.js';
import { DAY, FakeFiles, partsOf } from './upstream-of.js';

const TOKEN = 'c2VjcmV0LXRva2Vu.a~b+c/d==';
/** The bridge's clock is the real one: its TLS certificate has to be valid. */
const now = Math.floor(Date.now() / 1000) * 1000;

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: { csr: string; preferred_ttl: string };
}
type Answer = (asked: Asked, response: ServerResponse) => void | Promise<void>;

const servers: Server[] = [];
test.after.always(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** A webhook that is a CA, unless `answer` answers. */
async function webhookOf(answer?: Answer) {
  const root = await TestCa.root('bridge root', { now });
  const ca = await root.sub('bridge CA', { now, pathLength: 1 });
  const tls = await TestCa.root('localhost', { now, keyUsage: serverUsage(), dns: ['localhost'] });
  const asked: Asked[] = [];
  const server = createServer({ key: await tls.keyPem(), cert: tls.pem }, (request, response) => {
    void readAll(request).then(async (text) => {
      const body = JSON.parse(text) as Asked['body'];
      const call = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
      asked.push(call);
      await (answer ?? issueFrom(ca, root))(call, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const files = new FakeFiles({ '/etc/spirl/tls.pem': tls.pem, '/etc/spirl/token': `${TOKEN}\n` });
  const webhookURL = `https://localhost:${port}/spirl/`;
  const settings = {
    webhookURL,
    timeoutMs: 5_000,
    caCertPath: '/etc/spirl/tls.pem',
    bearerTokenPath: '/etc/spirl/token',
  };
  const parts = partsOf({ clock: systemClock, files, webhookHosts: [`localhost:${port}`] });
  return {
    authority: UPSTREAM_AUTHORITIES.webhook(settings, parts),
    asked,
    files,
    port,
    settings,
    parts,
    ca,
    root,
    now,
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function issueFrom(ca: TestCa, root: TestCa): Answer {
  return async ({ body }, response) => {
    const request = new x509.Pkcs10CertificateRequest(body.csr);
    const hours = Number(/^(\d+)h/.exec(body.preferred_ttl)?.[1] ?? '0');
    const notAfter = now + hours * 3_600_000;
    const issued = await ca.certify(new Uint8Array(request.publicKey.rawData), { now, notAfter, pathLength: 0 });
    const chain = [certificatePem(issued), ca.pem];
    response.end(JSON.stringify({ x509_ca_chain: chain, upstream_x509_roots: [root.pem], note: 'ignored' }));
  };
}

upstreamAuthorityContract(test, 'webhook', () => webhookOf(), ['EC-P256']);

const request = () => ({
  key: localKey(),
  keysetId: 'ks_aaaaaaaaaa',
  trustDomain: TrustDomain.parse('example.org'),
  preferredTtlMs: 90 * DAY,
});

test('the call is the contract to the letter', async (t) => {
  const { authority, asked } = await webhookOf();
  await authority.mintCa(request(), forever);
  const [call] = asked;
  t.is(asked.length, 1);
  t.is(call?.method, 'POST');
  t.is(call?.path, '/spirl/mint-x509-ca');
  t.is(call?.headers['content-type'], 'application/json');
  t.is(call?.headers.authorization, `Bearer ${TOKEN}`);
  t.deepEqual(Object.keys(call?.body ?? {}), ['csr', 'preferred_ttl']);
  t.is(call?.body.preferred_ttl, '2160h0m0s');
  t.regex(call?.body.csr ?? '', /^-----BEGIN CERTIFICATE REQUEST-----\n[\s\S]+\n-----END CERTIFICATE REQUEST-----\n$/);
  const csr = new x509.Pkcs10CertificateRequest(call?.body.csr ?? '');
  t.is(csr.subject, 'O=example.org, CN=ks_aaaaaaaaaa');
  t.true(await csr.verify());
});

test('without a token none is sent', async (t) => {
  const { settings, parts, asked } = await webhookOf();
  const { webhookURL, timeoutMs, caCertPath } = settings;
  const rest = { webhookURL, timeoutMs, caCertPath };
  await UPSTREAM_AUTHORITIES.webhook(rest, parts).mintCa(request(), forever);
  t.is(asked[0]?.headers.authorization, undefined);
});

const refusals: { name: string; answer: Answer; says: RegExp; code?: string }[] = [
  {
    name: 'any status but 2xx is a refusal, told with what it said, without the token',
    answer: ({ headers }, response) => {
      response.writeHead(403).end(`no CA for you,\n\u001b[31m ${headers.authorization ?? ''}`);
    },
    says: /refused: HTTP 403: no CA for you, \[31m Bearer \*\*\*$/,
  },
  { name: 'an error of its own too', answer: (_, response) => void response.writeHead(500).end(), says: /HTTP 500$/ },
  {
    name: 'redirects are not followed',
    answer: (_, response) => void response.writeHead(307, { location: 'https://elsewhere.example/' }).end(),
    says: /HTTP 307 \(redirects are not followed\)/,
  },
  { name: 'no JSON', answer: (_, response) => void response.end('<html>'), says: /no JSON object/ },
  { name: 'JSON that is no object', answer: (_, response) => void response.end('null'), says: /no JSON object/ },
  { name: 'no chain', answer: (_, response) => void response.end('{}'), says: /x509_ca_chain that is no list/ },
  {
    name: 'a chain of something else',
    answer: (_, response) => void response.end('{"x509_ca_chain":["x"],"upstream_x509_roots":[]}'),
    says: /x509_ca_chain that has no PEM certificate at 0/,
  },
  {
    name: 'an answer without end',
    answer: (_, response) => void response.end(Buffer.alloc(300_000, 0x20)),
    says: /more than 262144 bytes/,
    code: 'KEY_SERVICE_UNAVAILABLE',
  },
  {
    name: 'a connection that is cut',
    answer: (_, response) => void response.socket?.destroy(),
    says: /cannot be asked: the connection was cut/,
    code: 'KEY_SERVICE_UNAVAILABLE',
  },
];
for (const { name, answer, says, code = 'KEY_SERVICE_REFUSED' } of refusals) {
  test(`webhook: ${name}`, async (t) => {
    const { authority } = await webhookOf(answer);
    const error = await t.throwsAsync(authority.mintCa(request(), forever), { code });
    t.regex(error.message, says);
    t.false(error.message.includes(TOKEN));
  });
}

test('webhook: no answer in time', async (t) => {
  const { settings, parts } = await webhookOf(() => {});
  const authority = UPSTREAM_AUTHORITIES.webhook({ ...settings, timeoutMs: 300 }, parts);
  const error = await t.throwsAsync(authority.mintCa(request(), forever), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.regex(error.message, /no answer within 0\.3 s/);
});

test('webhook: nobody there, a server that is not trusted, one of another name', async (t) => {
  const { settings, parts, port, files } = await webhookOf();
  const { webhookURL, timeoutMs } = settings;
  const untrusted = { webhookURL, timeoutMs };
  const hosts = { webhookHosts: ['localhost', '127.0.0.1'] };
  const cases = [
    [{ ...settings, webhookURL: 'https://localhost:1/' }, /the connection was refused/],
    [untrusted, /self-signed|not trusted/],
    [{ ...settings, webhookURL: `https://127.0.0.1:${port}/` }, /for another name/],
  ] as const;
  for (const [changed, says] of cases) {
    const authority = UPSTREAM_AUTHORITIES.webhook(changed, { ...parts, ...hosts, files });
    const error = await t.throwsAsync(authority.mintCa(request(), forever), { code: 'KEY_SERVICE_UNAVAILABLE' });
    t.regex(error.message, says);
  }
});

test('webhook: a host that is no longer declared, a token or CA file without one, are refused before anything is sent', async (t) => {
  const { settings, parts, files, asked } = await webhookOf();
  const undeclared = UPSTREAM_AUTHORITIES.webhook(settings, { ...parts, webhookHosts: ['localhost:1'] });
  await t.throwsAsync(undeclared.mintCa(request(), forever), { code: 'INVALID_CONFIG', message: /webhookHosts/ });
  for (const [path, content, says] of [
    ['/etc/spirl/token', 'two words', /holds no bearer token/],
    ['/etc/spirl/tls.pem', 'nothing', /holds no PEM certificate/],
  ] as const) {
    const good = files.contents.get(path) ?? '';
    files.contents.set(path, content);
    const authority = UPSTREAM_AUTHORITIES.webhook(settings, parts);
    await t.throwsAsync(authority.mintCa(request(), forever), { code: 'INVALID_CONFIG', message: says });
    files.contents.set(path, good);
  }
  t.deepEqual(asked, []);
});
