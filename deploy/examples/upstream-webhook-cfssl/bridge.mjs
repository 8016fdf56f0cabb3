#!/usr/bin/env node
// Upstream Authority Extension in front of a cfssl server: POST <base>/mint-x509-ca. See README.md.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const MAX_BODY = 64 * 1024;

const setting = (name, fallback) => {
  const value = process.env[name] ?? fallback;
  if (value === undefined || value === '') throw new Error(`environment variable ${name} is not set`);
  return value;
};

const cfsslUrl = setting('CFSSL_URL');
const authKey = Buffer.from(readFileSync(setting('CFSSL_AUTH_KEY_FILE'), 'utf8').trim(), 'hex');
/** From the certificate that cfssl signs with towards the root, which may be among them. PEM. */
const certificates = readFileSync(setting('CFSSL_CHAIN'), 'utf8').match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g);
const roots = readFileSync(setting('CFSSL_ROOTS'), 'utf8').match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g);
const token = readFileSync(setting('TOKEN_FILE'), 'utf8').trim();
/** cfssl's lifetimes belong to profiles: `name=hours,…`. The longest that is not longer than what is preferred is taken. */
const profiles = setting('CFSSL_PROFILES')
  .split(',')
  .map((entry) => entry.split('='))
  .map(([name, hours]) => ({ name, hours: Number(hours) }))
  .sort((a, b) => b.hours - a.hours);

/** A refusal that may be told to whoever asked. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function profileFor(preferred) {
  const [, hours = '0', minutes = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:[\d.]+s)?$/.exec(String(preferred)) ?? [];
  const asked = Number(hours) + Number(minutes) / 60;
  if (!(asked > 0)) throw new Refused(400, 'preferred_ttl is no duration');
  return (profiles.find((profile) => profile.hours <= asked) ?? profiles.at(-1)).name;
}

async function mint({ csr, preferred_ttl: preferredTtl }) {
  if (typeof csr !== 'string') throw new Refused(400, 'csr is missing');
  const inner = Buffer.from(JSON.stringify({ certificate_request: csr, profile: profileFor(preferredTtl) }));
  const body = {
    token: createHmac('sha256', authKey).update(inner).digest('base64'),
    request: inner.toString('base64'),
  };
  const answer = await fetch(new URL('/api/v1/cfssl/authsign', cfsslUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(15_000),
  }).catch(() => {
    throw new Refused(502, 'cfssl cannot be reached');
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok || said.success !== true) {
    const why = (said.errors ?? []).map(({ message }) => message).join('; ');
    throw new Refused(answer.status < 500 ? 403 : 502, `cfssl: HTTP ${answer.status}: ${why}`);
  }
  return { x509_ca_chain: [said.result.certificate, ...certificates], upstream_x509_roots: roots };
}

async function readAll(stream) {
  let text = '';
  for await (const part of stream.setEncoding('utf8')) {
    text += part;
    if (text.length > MAX_BODY) throw new Refused(413, 'too large');
  }
  return text;
}

function authorize({ authorization = '' }) {
  const digest = (text) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(authorization), digest(`Bearer ${token}`))) return;
  throw new Refused(401, 'a bearer token is needed');
}

async function answer(incoming) {
  if (incoming.method !== 'POST' || incoming.url !== '/mint-x509-ca') throw new Refused(404, 'POST /mint-x509-ca');
  authorize(incoming.headers);
  try {
    return await mint(JSON.parse(await readAll(incoming)));
  } catch (error) {
    throw error instanceof SyntaxError ? new Refused(400, 'no JSON') : error;
  }
}

const tls = { cert: readFileSync(setting('TLS_CERT')), key: readFileSync(setting('TLS_KEY')) };
const server = createServer(tls, (incoming, response) => {
  answer(incoming).then(
    (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    (error) => {
      const known = error instanceof Refused;
      if (!known) console.error(error);
      response.writeHead(known ? error.status : 500).end(known ? error.message : 'internal error');
    },
  );
});
server.listen(Number(setting('PORT', '8443')), setting('HOST', '127.0.0.1'), () => {
  console.log(`listening on https://${setting('HOST', '127.0.0.1')}:${server.address().port}`);
});
