#!/usr/bin/env node
// The Key Manager Extension over a PKCS#11 token: see README.md. Settings come from the environment, secrets from files.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { timingSafeEqual, createHash } from 'node:crypto';
import { NoSuchKey, openToken, TokenAway } from './token.mjs';

const MAX_BODY = 16 * 1024;
const HASHES = { 'SHA-256': 32, 'SHA-384': 48 };

const setting = (name, fallback) => {
  const value = process.env[name] ?? fallback;
  if (value === undefined) throw new Error(`environment variable ${name} is not set`);
  return value;
};
const secret = (name) => readFileSync(setting(name), 'utf8').trim();

const token = openToken({
  modulePath: setting('PKCS11_MODULE'),
  tokenLabel: setting('PKCS11_TOKEN_LABEL'),
  pin: secret('PKCS11_PIN_FILE'),
  graceMs: Number(setting('RELEASE_GRACE_SECONDS', String(7 * 24 * 3600))) * 1000,
});
token.forgetReleased();
setInterval(() => token.forgetReleased(), 3_600_000).unref();

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The file is read for each request, so that a token can be replaced without a restart. */
function authenticate(request) {
  const digest = (text) => createHash('sha256').update(text).digest();
  const given = request.headers.authorization ?? '';
  if (!timingSafeEqual(digest(given), digest(`Bearer ${secret('BEARER_TOKEN_FILE')}`))) {
    throw new Refusal(401, 'wrong bearer token');
  }
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BODY) throw new Refusal(413, 'the body is too long');
    parts.push(part);
  }
  try {
    return parts.length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw new Refusal(400, 'the body is no JSON');
  }
}

function createKey({ key_id: id, key_type: type }) {
  if (typeof id !== 'string' || !/^[A-Za-z0-9._-]{1,128}$/.test(id))
    throw new Refusal(400, 'key_id: 1 to 128 of A-Z a-z 0-9 . _ -');
  if (type !== 'EC-P256' && type !== 'EC-P384') throw new Refusal(400, 'key_type: EC-P256 or EC-P384');
  if (token.has(id)) throw new Refusal(409, `key ${id} exists`);
  const { publicKey, fingerprint } = token.createKey(id, type);
  return { status: 201, body: { public_key: publicKey, fingerprint } };
}

function listKeys() {
  const keys = token
    .keys()
    .map(({ id, publicKey, fingerprint }) => ({ key_id: id, public_key: publicKey, fingerprint }));
  return { status: 200, body: { keys } };
}

function sign(id, { digest, hash_algorithm: hash }) {
  const size = HASHES[hash];
  if (size === undefined) throw new Refusal(400, 'hash_algorithm: SHA-256 or SHA-384');
  const bytes = Buffer.from(typeof digest === 'string' ? digest : '', 'base64');
  if (bytes.length !== size) throw new Refusal(400, `digest: ${size} octets in base64`);
  const { signature, fingerprint } = token.sign(id, bytes);
  return { status: 200, body: { signature: signature.toString('base64'), key_fingerprint: fingerprint } };
}

function release(id) {
  token.release(id);
  return { status: 200, body: {} };
}

async function answerTo(request) {
  authenticate(request);
  const { method, url } = request;
  const [, id, act] = /^\/keys(?:\/([^/?]+)\/(sign|release))?$/.exec(url) ?? [];
  const body = await bodyOf(request);
  if (url === '/keys' && method === 'POST') return createKey(body);
  if (url === '/keys' && method === 'GET') return listKeys();
  if (act === 'sign' && method === 'POST') return sign(decodeURIComponent(id), body);
  if (act === 'release' && method === 'POST') return release(decodeURIComponent(id));
  throw new Refusal(404, 'there is no such call');
}

function failure(error) {
  if (error instanceof Refusal) return { status: error.status, body: { error: error.message } };
  if (error instanceof NoSuchKey) return { status: 404, body: { error: error.message } };
  if (error instanceof TokenAway) return { status: 503, body: { error: error.message } };
  console.error(error);
  return { status: 500, body: { error: 'internal error' } };
}

const server = createServer({
  cert: readFileSync(setting('TLS_CERT_FILE')),
  key: readFileSync(setting('TLS_KEY_FILE')),
});
server.on('request', async (request, response) => {
  const { status, body } = await answerTo(request).catch(failure);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
server.listen(Number(setting('PORT', '8443')), setting('HOST', '127.0.0.1'), () => {
  console.log(`listening on https://${setting('HOST', '127.0.0.1')}:${server.address().port}`);
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
