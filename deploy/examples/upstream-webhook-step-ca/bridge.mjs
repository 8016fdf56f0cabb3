#!/usr/bin/env node
// Upstream Authority Extension in front of a step-ca: POST <base>/mint-x509-ca. See README.md.
import { createHash, createPrivateKey, randomUUID, sign, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';

const MAX_BODY = 64 * 1024;
const SKEW_SECONDS = 30;

const setting = (name, fallback) => {
  const value = process.env[name] ?? fallback;
  if (value === undefined || value === '') throw new Error(`environment variable ${name} is not set`);
  return value;
};

const stepCaUrl = setting('STEP_CA_URL');
const rootsPem = readFileSync(setting('STEP_CA_ROOTS'), 'utf8');
const provisioner = setting('PROVISIONER');
const jwk = JSON.parse(readFileSync(setting('PROVISIONER_JWK'), 'utf8'));
const trustDomain = setting('TRUST_DOMAIN');
const longestTtlHours = Number(setting('LONGEST_TTL_HOURS', '720'));
const token = readFileSync(setting('TOKEN_FILE'), 'utf8').trim();

/** A refusal that may be told to whoever asked. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** `2160h0m0s` in hours, rounded down; the CA's own longest lifetime is kept. */
function ttlOf(preferred) {
  const [, hours = '0', minutes = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:[\d.]+s)?$/.exec(String(preferred)) ?? [];
  const asked = Number(hours) + Number(minutes) / 60;
  if (!(asked > 0)) throw new Refused(400, 'preferred_ttl is no duration');
  return `${Math.floor(Math.min(asked, longestTtlHours) * 60)}m`;
}

/** The common name of a request: step-ca wants it as the subject of the one-time token. */
function commonNameOf(csrPem) {
  const der = Buffer.from(String(csrPem).replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  const at = der.indexOf(Buffer.from('0603550403', 'hex'));
  const length = at < 0 ? 0 : der[at + 6];
  const name = der.subarray(at + 7, at + 7 + length).toString('utf8');
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) throw new Refused(400, 'csr has no usable common name');
  return name;
}

/** Good for one certificate: ES256 with the provisioner's key. */
function oneTimeToken(subject) {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: provisioner,
    aud: `${stepCaUrl}/1.0/sign`,
    sub: subject,
    sans: [`spiffe://${trustDomain}`],
    jti: randomUUID(),
    iat: now,
    nbf: now - SKEW_SECONDS,
    exp: now + 300,
  };
  const input = `${encode({ alg: 'ES256', typ: 'JWT', kid: jwk.kid })}.${encode(claims)}`;
  const key = { key: createPrivateKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}

function askStepCa(body) {
  const url = new URL('/1.0/sign', stepCaUrl);
  const options = { method: 'POST', ca: rootsPem, headers: { 'content-type': 'application/json' }, timeout: 15_000 };
  return new Promise((resolve, reject) => {
    const call = request(url, options, (answer) => {
      readAll(answer).then((text) => resolve({ status: answer.statusCode, text }), reject);
    });
    call.on('timeout', () => call.destroy(new Error('step-ca does not answer')));
    call.on('error', () => reject(new Refused(502, 'step-ca cannot be reached')));
    call.end(JSON.stringify(body));
  });
}

async function readAll(stream) {
  let text = '';
  for await (const part of stream.setEncoding('utf8')) {
    text += part;
    if (text.length > MAX_BODY) throw new Refused(413, 'too large');
  }
  return text;
}

async function mint({ csr, preferred_ttl: preferredTtl }) {
  const ask = { csr, ott: oneTimeToken(commonNameOf(csr)), notAfter: ttlOf(preferredTtl) };
  const { status, text } = await askStepCa(ask);
  if (status !== 201)
    throw new Refused(status === 401 || status === 403 ? 403 : 502, `step-ca: HTTP ${status}: ${text}`);
  const { certChain } = JSON.parse(text);
  return {
    x509_ca_chain: certChain,
    upstream_x509_roots: rootsPem.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g),
  };
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
