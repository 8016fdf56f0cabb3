import { statSync } from 'node:fs';
import test from 'ava';
import { status } from '@grpc/grpc-js';
import { SpirlError } from '../../src/runtime/errors.js';
import { bundle, contextOf, HEADER, Stage, textOf, until } from './stage.js';

test('a caller gets its context at once and each newer one', async (t) => {
  const stage = await Stage.open(t);
  const stream = stage.client().stream('FetchX509SVID');
  const first = await stream.at(0);
  const [svid] = first['svids'] as Record<string, unknown>[];
  t.like(svid, { spiffeId: 'spiffe://example.org/a', hint: 'internal' });
  t.is(String(svid?.['bundle']), 'ca of example.org 1');
  t.deepEqual(Object.keys(first['federatedBundles'] as object), ['spiffe://other.org']);
  t.is(textOf(first), 'first');
  stage.sources.deliver(contextOf('second'));
  t.is(textOf(await stream.at(1)), 'second');
  t.is(stage.sources.peers[0]?.pid, process.pid);
  t.is(stage.sources.peers[0]?.uid, process.getuid?.());
  t.is(statSync(stage.socketPath).mode & 0o777, 0o777);
  await stage.close();
  t.deepEqual(stage.unexpected, []);
});

test('content that has not changed is not sent again', async (t) => {
  const stage = await Stage.open(t);
  const stream = stage.client().stream('FetchX509SVID');
  await stream.at(0);
  stage.sources.deliver(contextOf('first'));
  stage.sources.deliver(contextOf('second'));
  t.is(textOf(await stream.at(1)), 'second');
  await stage.close();
  t.is(stream.messages.length, 2);
});

test('a cancelled stream leaves nothing behind', async (t) => {
  const stage = await Stage.open(t);
  const client = stage.client();
  const streams = Array.from({ length: 50 }, () => client.stream('FetchX509SVID'));
  await Promise.all(streams.map((stream) => stream.at(0)));
  t.is(stage.api.openCalls, 50);
  for (const stream of streams) stream.call.cancel();
  t.is((await streams[0]?.ended)?.code, status.CANCELLED);
  await until(() => stage.api.openCalls === 0 && stage.sources.watching.size === 0);
  await stage.close();
  t.is(stage.api.connections, 0);
});

test('bundles are pushed when they change, and each profile only when its own part does', async (t) => {
  const stage = await Stage.open(t);
  const client = stage.client();
  const x509 = client.stream('FetchX509Bundles');
  const jwt = client.stream('FetchJWTBundles');
  const { bundles } = (await x509.at(0)) as { bundles: Record<string, Buffer> };
  t.deepEqual(Object.keys(bundles).sort(), ['spiffe://example.org', 'spiffe://other.org']);
  t.is(String(bundles['spiffe://example.org']), 'ca of example.org 1');
  const jwks = (await jwt.at(0)) as { bundles: Record<string, Buffer> };
  t.deepEqual(JSON.parse(String(jwks.bundles['spiffe://example.org'])), {
    keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'ks_1' }],
  });
  stage.sources.bundles.publish({ version: 2, bundles: [bundle('example.org', 2)] });
  const next = (await x509.at(1)) as { bundles: Record<string, Buffer> };
  t.deepEqual(Object.keys(next.bundles), ['spiffe://example.org']);
  await jwt.at(1);
  stage.sources.bundles.publish({ version: 3, bundles: [bundle('example.org', 3)] });
  await x509.at(2);
  t.is(jwt.messages.length, 2);
});

const HEADERS: { name: string; headers: (readonly [string, string])[]; code: status }[] = [
  { name: 'the header', headers: [HEADER], code: status.OK },
  { name: 'no header', headers: [], code: status.INVALID_ARGUMENT },
  { name: 'True', headers: [['workload.spiffe.io', 'True']], code: status.INVALID_ARGUMENT },
  { name: 'TRUE', headers: [['workload.spiffe.io', 'TRUE']], code: status.INVALID_ARGUMENT },
  { name: '1', headers: [['workload.spiffe.io', '1']], code: status.INVALID_ARGUMENT },
  { name: 'an empty value', headers: [['workload.spiffe.io', '']], code: status.INVALID_ARGUMENT },
  { name: 'another key', headers: [['broker.spiffe.io', 'true']], code: status.INVALID_ARGUMENT },
  { name: 'the header twice', headers: [HEADER, HEADER], code: status.INVALID_ARGUMENT },
];
const METHODS = ['FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles', 'FetchWITSVID', 'FetchWITBundles'];

for (const { name, headers, code } of HEADERS) {
  test(`${name}: every RPC answers ${status[code]}`, async (t) => {
    const stage = await Stage.open(t);
    const client = stage.client();
    for (const method of METHODS) {
      const stream = client.stream(method, headers);
      const wanted = method.includes('WIT') && code === status.OK ? status.UNIMPLEMENTED : code;
      if (wanted === status.OK) await stream.at(0);
      else t.is((await stream.ended).code, wanted, method);
    }
    t.is((await client.unary('FetchJWTSVID', { audience: ['a'] }, headers)).code, code);
    const validated = await client.unary('ValidateJWTSVID', { audience: 'a', svid: 'x' }, headers);
    t.is(validated.code, status.INVALID_ARGUMENT);
    t.is(validated.details.includes('security header'), code !== status.OK);
  });
}

test('a caller without an identity is refused by every RPC, and a stream that loses it ends so', async (t) => {
  const stage = await Stage.open(t);
  stage.sources.refusal = new SpirlError('NO_IDENTITY_ISSUED', 'no identity issued');
  const client = stage.client();
  const outcomes = [
    await client.stream('FetchX509SVID').ended,
    await client.stream('FetchX509Bundles').ended,
    await client.stream('FetchJWTBundles').ended,
    await client.unary('FetchJWTSVID', { audience: ['a'] }),
    await client.unary('ValidateJWTSVID', { audience: 'a', svid: 'x.y.z' }),
  ];
  for (const outcome of outcomes) {
    t.deepEqual(outcome, { code: status.PERMISSION_DENIED, details: 'no identity issued' });
  }
});

test('an unexpected error is told as nothing but an internal error', async (t) => {
  const stage = await Stage.open(t);
  stage.sources.refusal = new Error('secret path');
  const outcome = await stage.client().stream('FetchX509SVID').ended;
  t.deepEqual(outcome, { code: status.INTERNAL, details: 'internal error' });
  t.is((stage.unexpected[0] as Error).message, 'secret path');
});

const JWT_REQUESTS: { name: string; request: object; details: RegExp }[] = [
  { name: 'no audience', request: {}, details: /^audience: at least one/ },
  { name: 'an empty audience', request: { audience: ['a', ''] }, details: /^audience\[1\]: must not be empty/ },
  { name: 'too many', request: { audience: Array.from({ length: 33 }, String) }, details: /^audience: at most 32/ },
  { name: 'a long one', request: { audience: ['x'.repeat(2_049)] }, details: /^audience\[0\]: at most 2048 bytes/ },
  {
    name: 'an ID that is none',
    request: { audience: ['a'], spiffeId: 'spiffe://UPPER/x' },
    details: /^spiffe_id: not a SPIFFE ID/,
  },
];
for (const { name, request, details } of JWT_REQUESTS) {
  test(`FetchJWTSVID with ${name} is refused by the field's name, before attestation`, async (t) => {
    const stage = await Stage.open(t);
    const outcome = await stage.client().unary('FetchJWTSVID', request);
    t.is(outcome.code, status.INVALID_ARGUMENT);
    t.regex(outcome.details, details);
    t.is(stage.sources.peers.length, 0);
  });
}

test('FetchJWTSVID answers all identities, or the one asked for; a hint stands once', async (t) => {
  const stage = await Stage.open(t);
  const client = stage.client();
  const all = await client.unary('FetchJWTSVID', { audience: ['b', 'a', 'b'] });
  t.deepEqual(all.response, {
    svids: [
      { spiffeId: 'spiffe://example.org/a', svid: 'a.b.c', hint: 'h' },
      { spiffeId: 'spiffe://example.org/a', svid: 'd.e.f', hint: '' },
    ],
  });
  t.deepEqual(stage.sources.jwtRequests[0]?.audience, ['b', 'a']);
  t.is(stage.sources.jwtRequests[0]?.uid, process.getuid?.());
  const one = await client.unary('FetchJWTSVID', { audience: ['a'], spiffeId: 'spiffe://example.org/z' });
  t.is((one.response?.['svids'] as { spiffeId: string }[])[0]?.spiffeId, 'spiffe://example.org/z');
});

test('oversized requests are refused, and the connection lives on', async (t) => {
  const stage = await Stage.open(t);
  const client = stage.client();
  const big = await client.unary('ValidateJWTSVID', { audience: 'a', svid: 'x'.repeat(70_000) });
  t.is(big.code, status.RESOURCE_EXHAUSTED);
  const long = await client.unary('ValidateJWTSVID', { audience: 'a', svid: 'x'.repeat(40_000) });
  t.deepEqual(long, { code: status.INVALID_ARGUMENT, details: 'svid: at most 32768 bytes' });
  t.is((await client.unary('FetchJWTSVID', { audience: ['a'] })).code, status.OK);
});

test('at stop streams end UNAVAILABLE, new clients find no socket', async (t) => {
  const stage = await Stage.open(t);
  const stream = stage.client().stream('FetchX509SVID');
  await stream.at(0);
  await stage.stop();
  t.deepEqual(await stream.ended, { code: status.UNAVAILABLE, details: 'the agent is shutting down' });
  t.throws(() => statSync(stage.socketPath), { code: 'ENOENT' });
  t.is((await stage.client().stream('FetchX509SVID').ended).code, status.UNAVAILABLE);
});
