import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import test from 'ava';
import { runSpirldbg } from '../../src/cli/spirldbg.js';
import { systemClock } from '../../src/runtime/clock.js';
import { FakeWorkloadApi } from '../fakes/fake-workload-api.js';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line as main.ts does. `onOutput` is called after each write to standard output. */
async function spirldbg(
  args: readonly string[],
  world: { env?: string; input?: string; signal?: AbortSignal; onOutput?: (all: string) => void } = {},
): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await runSpirldbg(args, '1.2.3', {
    clock: systemClock,
    endpointSocket: world.env,
    signal: world.signal ?? new AbortController().signal,
    out: (text) => {
      out += text;
      world.onOutput?.(out);
    },
    err: (text) => (err += text),
    readInput: () => Promise.resolve(world.input ?? ''),
  });
  return { code, out, err };
}

let api: FakeWorkloadApi;
let folder: string;
test.before(async () => {
  api = await FakeWorkloadApi.start();
  folder = await mkdtemp(join(tmpdir(), 'spirldbg-'));
});
test.after.always(async () => {
  await api.stop();
  await rm(folder, { recursive: true, force: true });
});

test('svid-x509 shows identity, serial, validity, issuer, keyset, chain and bundle', async (t) => {
  const { code, out, err } = await spirldbg(['svid-x509'], { env: api.uri });
  t.deepEqual([code, err], [0, '']);
  const leaf = new X509Certificate(api.svid.chain[0] ?? Buffer.alloc(0));
  t.regex(out, /^SPIFFE ID: +spiffe:\/\/example\.org\/workload$/m);
  t.regex(out, new RegExp(`^Serial: +${leaf.serialNumber.toLowerCase()}$`, 'm'));
  t.regex(out, /^Not before: +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(\d+s ago\)$/m);
  t.regex(out, /^Not after: +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in 23h\)$/m);
  t.regex(out, new RegExp(`^Keyset: +${api.authority.keysetId}$`, 'm'));
  t.regex(out, /^Chain: +1\. \(leaf, no subject\)/m);
  t.regex(out, new RegExp(`^Bundle: +1\\. CN=${api.authority.keysetId}, O=example.org, until`, 'm'));
  t.notRegex(out, /PRIVATE/);
});

test('svid-x509 -o json prints one document without the private key', async (t) => {
  const { out } = await spirldbg(['svid-x509', '-o', 'json', '--spiffe-endpoint-socket', api.socketPath]);
  t.is(out.trimEnd().split('\n').length, 1);
  const { svids } = JSON.parse(out) as { svids: Record<string, unknown>[] };
  t.is(svids[0]?.['keyset'], api.authority.keysetId);
  t.is((svids[0]?.['certificates'] as string[]).length, 2);
  t.notRegex(out, /PRIVATE/);
});

test('svid-x509 --write leaves three files that fit each other, the key for its owner only', async (t) => {
  const to = join(folder, 'new', 'svid');
  const { code, out } = await spirldbg(['svid-x509', '--write', to], { env: api.uri });
  t.is(code, 0);
  t.true(out.includes(join(to, 'svid.pem')));
  const certificate = new X509Certificate(await readFile(join(to, 'svid.pem')));
  t.true(certificate.checkPrivateKey(createPrivateKey(await readFile(join(to, 'svid_key.pem')))));
  t.true(certificate.verify(new X509Certificate(await readFile(join(to, 'bundle.pem'))).publicKey));
  t.is((await stat(join(to, 'svid_key.pem'))).mode & 0o777, 0o600);
  // A second run replaces them and leaves nothing behind.
  t.is((await spirldbg(['svid-x509', '--write', to], { env: api.uri })).code, 0);
  t.deepEqual((await readdir(to)).sort(), ['bundle.pem', 'svid.pem', 'svid_key.pem']);
});

test('the flag is stronger than the environment', async (t) => {
  const { code } = await spirldbg(['svid-x509', '--spiffe-endpoint-socket', api.uri], { env: 'unix:///nowhere' });
  t.is(code, 0);
});

test('svid-jwt prints the token, for each audience that was asked for', async (t) => {
  const args = ['svid-jwt', '--audience', 'a', '--audience', 'b', '--spiffe-id', 'spiffe://example.org/workload'];
  const { code, out } = await spirldbg(args, { env: api.uri });
  t.is(code, 0);
  t.regex(out, /^Audience: +a, b$/m);
  t.regex(out, /^Expires at: .*\(in 4m\)$/m);
  t.regex(out, new RegExp(`^Keyset: +${api.authority.keysetId}$`, 'm'));
  t.regex(out, /^Token: +[\w-]+\.[\w-]+\.[\w-]+$/m);
});

test('svid-jwt --filename writes the token for its owner only and prints it nowhere', async (t) => {
  const file = join(folder, 'token');
  const { code, out, err } = await spirldbg(['svid-jwt', '--audience', 'a', '--filename', file], { env: api.uri });
  t.deepEqual([code, out], [0, '']);
  const token = await readFile(file, 'utf8');
  t.regex(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  t.false(err.includes(token));
  t.is((await stat(file)).mode & 0o777, 0o600);
});

test('a fetched token validates, also from standard input', async (t) => {
  const { out } = await spirldbg(['svid-jwt', '--audience', 'me', '-o', 'json'], { env: api.uri });
  const token = (JSON.parse(out) as { svids: { svid: string }[] }).svids[0]?.svid ?? '';
  const valid = await spirldbg(['validate', '--audience', 'me', token], { env: api.uri });
  t.is(valid.code, 0, valid.err);
  t.regex(valid.out, /^SPIFFE ID: +spiffe:\/\/example\.org\/workload$/m);
  t.regex(valid.out, /sub: "spiffe:\/\/example\.org\/workload"/);
  const piped = await spirldbg(['validate', '--audience', 'me', '-', '-o', 'json'], {
    env: api.uri,
    input: `${token}\n`,
  });
  t.like(JSON.parse(piped.out), { valid: true, claims: { aud: ['me'] } });
  const refused = await spirldbg(['validate', '--audience', 'other', token], { env: api.uri });
  t.deepEqual([refused.code, refused.out, refused.err], [1, '', 'Error: the token is not valid\n']);
});

test('bundle prints PEM, a JWKS or a SPIFFE bundle document', async (t) => {
  const pem = await spirldbg(['bundle'], { env: api.uri });
  t.true(new X509Certificate(pem.out).raw.equals(api.authority.certificate));
  const jwks = await spirldbg(['bundle', '--format', 'jwks'], { env: api.uri });
  t.deepEqual(JSON.parse(jwks.out), JSON.parse(api.authority.jwks.toString()));
  const spiffe = await spirldbg(['bundle', '--format', 'spiffe', '--trust-domain', 'example.org'], { env: api.uri });
  const { keys } = JSON.parse(spiffe.out) as { keys: Record<string, unknown>[] };
  t.deepEqual(
    keys.map(({ use, kid }) => [use, kid]),
    [
      ['x509-svid', undefined],
      ['jwt-svid', api.authority.keysetId],
    ],
  );
  const unknown = await spirldbg(['bundle', '--trust-domain', 'elsewhere.org'], { env: api.uri });
  t.deepEqual([unknown.code, unknown.out], [1, '']);
});

test.serial('watch prints one JSON line for each update and ends after --count', async (t) => {
  let rotated = false;
  const { code, out } = await spirldbg(['watch', '--count', '2', '-o', 'json'], {
    env: api.uri,
    onOutput: () => {
      if (!rotated) void api.rotate();
      rotated = true;
    },
  });
  t.is(code, 0);
  const lines = out.trimEnd().split('\n');
  t.is(lines.length, 2);
  const serials = lines.map((line) => (JSON.parse(line) as { svids: { serial: string }[] }).svids[0]?.serial);
  t.not(serials[0], serials[1]);
});

test.serial('watch comes back when the stream ends, and Ctrl-C ends it', async (t) => {
  const stop = new AbortController();
  let seen = 0;
  const { code, out, err } = await spirldbg(['watch'], {
    env: api.uri,
    signal: stop.signal,
    onOutput: () => {
      if (++seen === 1) api.endStreams(status.UNAVAILABLE, 'stopping');
      else stop.abort();
    },
  });
  t.is(code, 0);
  t.regex(
    out,
    /^Update 1, .*\n {2}spiffe:\/\/example\.org\/workload, serial [0-9a-f]+, until .* \(in 23h\), keyset ks_/,
  );
  t.regex(out, /^Update 2/m);
  t.is(err, 'The stream ended: stopping; trying again in 1 s\n');
});

const failures: { name: string; args: string[]; env?: string; code: number; err: RegExp }[] = [
  { name: 'no endpoint at all', args: ['svid-x509'], code: 2, err: /^Error: no endpoint: set SPIFFE_ENDPOINT_SOCKET/ },
  { name: 'an empty variable is no endpoint', args: ['svid-x509'], env: '', code: 2, err: /no endpoint/ },
  {
    name: 'a variable that is no URI',
    args: ['svid-x509'],
    env: '/run/agent.sock',
    code: 2,
    err: /^Error: SPIFFE_ENDPOINT_SOCKET: not a SPIFFE endpoint socket: "\/run\/agent\.sock": the scheme must be/,
  },
  {
    name: 'a socket that is not there',
    args: ['svid-x509', '--spiffe-endpoint-socket', '/nonexistent/agent.sock'],
    code: 1,
    err: /^Error: there is no socket at unix:\/\/\/nonexistent\/agent\.sock: is the agent running\?\n$/,
  },
  { name: 'a JWT-SVID without audience', args: ['svid-jwt'], code: 2, err: /--audience/ },
  { name: 'an empty audience', args: ['svid-jwt', '--audience', ''], code: 2, err: /must not be empty/ },
  { name: 'a count that is no number', args: ['watch', '--count', 'x'], code: 2, err: /whole number/ },
  {
    name: 'a format that does not exist',
    args: ['bundle', '--format', 'der'],
    code: 2,
    err: /Allowed choices are pem/,
  },
  { name: 'a command that does not exist', args: ['fetch'], code: 2, err: /unknown command 'fetch'/ },
  { name: 'no token', args: ['validate', '--audience', 'a'], code: 2, err: /missing required argument 'token'/ },
];
for (const { name, args, env, code, err } of failures) {
  test(`exit code ${code}: ${name}`, async (t) => {
    const ran = await spirldbg(args, env === undefined ? {} : { env });
    t.deepEqual([ran.code, ran.out], [code, '']);
    t.regex(ran.err, err);
  });
}

test('an identity that is not the caller’s is refused with the endpoint’s sentence', async (t) => {
  const args = ['svid-jwt', '--audience', 'a', '--spiffe-id', 'spiffe://example.org/other'];
  t.deepEqual(await spirldbg(args, { env: api.uri }), { code: 1, out: '', err: 'Error: no identity issued\n' });
});

test('an endpoint that never answers is given up after --timeout', async (t) => {
  const silent = await FakeWorkloadApi.start('sends only changes');
  const { code, err } = await spirldbg(['svid-x509', '--timeout', '1'], { env: silent.uri });
  t.deepEqual([code, err], [1, `Error: ${silent.uri} did not answer within 1 s\n`]);
  await silent.stop();
});

test('help and version are no errors', async (t) => {
  const help = await spirldbg(['--help']);
  t.deepEqual([help.code, help.err], [0, '']);
  t.regex(help.out, /svid-x509/);
  t.deepEqual(await spirldbg(['--version']), { code: 0, out: '1.2.3\n', err: '' });
});

test('the program reads the environment and its arguments', async (t) => {
  const main = new URL('../../src/cli/main.js', import.meta.url).pathname;
  const ran = await new Promise<{ code: number; out: string }>((resolve) => {
    const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: api.uri };
    execFile(process.execPath, [main, 'svid-x509', '-o', 'json'], { env }, (error, out) =>
      resolve({ code: error === null ? 0 : 1, out }),
    );
  });
  t.is(ran.code, 0);
  t.like(JSON.parse(ran.out), { svids: [{ spiffeId: 'spiffe://example.org/workload' }] });
});
