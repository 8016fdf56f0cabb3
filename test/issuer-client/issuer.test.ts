import { createPrivateKey, X509Certificate } from 'node:crypto';
import test from 'ava';
import { createSessionAuthority, issueLeaf } from '../../server-stub/src/session-ca/session-authority.js';
import { type ApiConnection, Issuer, type IssuerOptions } from '../../src/issuer-client/issuer.js';
import { rpcError, type UnaryCalls } from '../../src/issuer-client/rpc.js';
import type { ServerMethod } from '../../src/issuer-client/server-methods.js';
import { publicKeyOfRequest } from '../../src/runtime/certificate-request.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { RpcFailure } from '../../src/runtime/grpc-client/rpc-failure.js';
import { status } from '../../src/runtime/grpc-code.js';
import { orAbort } from '../../src/runtime/task-group.js';
import { FakeClock } from '../fakes/fake-clock.js';

const NEVER = new AbortController().signal;
type Request = { items: { attributes: Record<string, { values: string[] }>; csr: Buffer; audience: string[] }[] };
type Answer = (request: Request) => Promise<object>;

const item = (user: string, renewal = false) => ({ attributes: { 'linux.user.name': [user] }, renewal });
const userOf = ({ items }: Request, index: number): string =>
  items[index]?.attributes['linux.user.name']?.values[0] ?? '';

/** A server that answers as told; the second connection is another session. */
function setUp(answers: Record<string, Answer>, options: Partial<IssuerOptions> = {}) {
  const clock = new FakeClock();
  const minted: [string, string][] = [];
  const refusals: string[] = [];
  const messages: { method: string; request: Request }[] = [];
  const calls = {
    unary: async ({ path }: ServerMethod<object, object>, request: Request, signal: AbortSignal): Promise<object> => {
      const method = path.slice(path.lastIndexOf('/') + 1);
      messages.push({ method, request });
      try {
        return await orAbort(answers[method]?.(request) ?? Promise.reject(new Error(method)), signal);
      } catch (error) {
        throw signal.aborted ? error : rpcError(error);
      }
    },
  } as unknown as UnaryCalls;
  const connection: ApiConnection = { use: (work) => work(calls) };
  const issuer = new Issuer({
    sessions: {
      connection: () => Promise.resolve(connection),
      refused: (_connection, reason) => void refusals.push(reason),
    },
    clock,
    metrics: { minted: (type, code) => void minted.push([type, code]) },
    keySource: 'server',
    ...options,
  });
  return { issuer, clock, minted, refusals, messages };
}

const x509 = (user: string, chain: Buffer[] = [Buffer.from('leaf')]) => ({
  status: { code: 0, message: '' },
  spiffeId: `spiffe://example.org/${user}`,
  chain,
  privateKey: Buffer.from('key'),
  keysetId: 'ks_aaaaaaaaaa',
  notBeforeMs: 1,
  notAfterMs: 2,
  outcome: 'o',
  hint: '',
  serial: '01',
});

const failed = (code: status, message: string) => ({ ...x509('none'), status: { code, message } });

test('what is asked for in one turn goes in one message, each item with its own outcome, in order', async (t) => {
  const { issuer, minted, messages } = setUp({
    MintX509SVIDs: (request) =>
      Promise.resolve({
        results: request.items.map((_, index) => {
          const user = userOf(request, index);
          if (user === 'nobody') return failed(status.PERMISSION_DENIED, 'no identity issued');
          if (user === 'odd') return failed(status.INVALID_ARGUMENT, 'odd');
          if (user === 'busy') return failed(status.UNAVAILABLE, 'the key service is away');
          if (user === 'broken') return failed(status.INTERNAL, 'internal error');
          return x509(user);
        }),
      }),
  });
  const users = ['alice', 'nobody', 'odd', 'busy', 'broken'];
  const [outcomes] = await Promise.all([
    issuer.mint(
      users.map((user) => item(user)),
      NEVER,
    ),
    issuer.mint([item('bob')], NEVER),
  ]);
  t.is(messages.length, 1);
  t.deepEqual(
    outcomes.map((one) => (one instanceof SpirlError ? one.code : one.spiffeId.toString())),
    ['spiffe://example.org/alice', 'NO_IDENTITY_ISSUED', 'INVALID_REQUEST', 'CANNOT_ISSUE', 'CANNOT_ISSUE'],
  );
  t.deepEqual(minted.map(([type, code]) => `${type} ${code}`).sort(), [
    'x509 InvalidArgument',
    'x509 OK',
    'x509 OK',
    'x509 PermissionDenied',
    'x509 Unavailable',
    'x509 Unavailable',
  ]);
});

test('a refused call says nothing about identities: it is UNAVAILABLE, whatever its code', async (t) => {
  for (const code of [status.PERMISSION_DENIED, status.UNAVAILABLE, status.INTERNAL, status.RESOURCE_EXHAUSTED]) {
    const { issuer } = setUp({ MintX509SVIDs: () => Promise.reject(new RpcFailure(code, 'from a proxy')) });
    const [outcome] = await issuer.mint([item('alice')], NEVER);
    t.like(outcome, { code: 'UNAVAILABLE' });
    t.notRegex((outcome as SpirlError).message, /proxy/);
  }
});

test('renewals travel in messages of their own', async (t) => {
  const { issuer, messages } = setUp({
    MintX509SVIDs: (request) => Promise.resolve({ results: request.items.map((_, i) => x509(userOf(request, i))) }),
  });
  await issuer.mint([item('a'), item('b', true), item('c'), item('d', true)], NEVER);
  t.deepEqual(
    messages.map(({ request }) => request.items.map((_, i) => userOf(request, i))),
    [
      ['a', 'c'],
      ['b', 'd'],
    ],
  );
});

test('with keySource agent the private key is made here, and only its request travels', async (t) => {
  const now = Date.now();
  const ca = await createSessionAuthority('example.org', now, 86_400_000);
  const certify = async (csr: Buffer): Promise<Buffer> => {
    const names = [{ type: 'url' as const, value: 'spiffe://example.org/alice' }];
    const publicKeySpki = await publicKeyOfRequest(csr);
    return (await issueLeaf(ca, { publicKeySpki, names, usage: 'client', lifetimeMs: 1000 }, now)).certificate;
  };
  const { issuer } = setUp(
    {
      MintX509SVIDs: async ({ items }) => ({
        results: await Promise.all(
          items.map(async ({ csr }) => ({ ...x509('alice', [await certify(csr)]), privateKey: Buffer.alloc(0) })),
        ),
      }),
    },
    { keySource: 'agent' },
  );
  const [svid] = await issuer.mint([item('alice')], NEVER);
  if (svid === undefined || svid instanceof SpirlError) return t.fail(svid?.message ?? 'nothing');
  const leaf = new X509Certificate(svid.chain[0] ?? '');
  t.true(leaf.checkPrivateKey(createPrivateKey({ key: Buffer.from(svid.privateKey), format: 'der', type: 'pkcs8' })));
});

test('a certificate for another key than the one made here is not handed on', async (t) => {
  const now = Date.now();
  const ca = await createSessionAuthority('example.org', now, 86_400_000);
  const foreign = Buffer.from(ca.certificate.rawData);
  const { issuer } = setUp(
    { MintX509SVIDs: () => Promise.resolve({ results: [x509('alice', [foreign])] }) },
    { keySource: 'agent' },
  );
  const [outcome] = await issuer.mint([item('alice')], NEVER);
  t.like(outcome, { message: 'the trust-domain server certified another key than the one asked for' });
});

test('a refused session is told, and the message goes once more on the next one', async (t) => {
  let calls = 0;
  const { issuer, refusals } = setUp({
    MintX509SVIDs: () =>
      ++calls === 1
        ? Promise.reject(new RpcFailure(status.UNAUTHENTICATED, 'this agent was evicted'))
        : Promise.resolve({ results: [x509('alice')] }),
  });
  const [svid] = await issuer.mint([item('alice')], NEVER);
  t.false(svid instanceof SpirlError);
  t.deepEqual(refusals, ['this agent was evicted']);
});

test('a server that never answers is waited for 15 s', async (t) => {
  const { issuer, clock, minted } = setUp({ MintX509SVIDs: () => new Promise(() => {}) });
  const answer = issuer.mint([item('alice')], NEVER);
  await clock.advance(15_000);
  t.like((await answer)[0], { code: 'DEADLINE_EXCEEDED', message: 'the trust-domain server did not answer in time' });
  t.deepEqual(minted, [['x509', 'DeadlineExceeded']]);
});

test('a caller that leaves gets its reason, and its neighbours their SVIDs', async (t) => {
  let release: (response: object) => void = () => {};
  const { issuer, minted } = setUp({ MintX509SVIDs: () => new Promise((resolve) => (release = resolve)) });
  const leaving = new AbortController();
  const left = issuer.mint([item('alice')], leaving.signal);
  const stayed = issuer.mint([item('bob')], NEVER);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  leaving.abort(new Error('gone'));
  await t.throwsAsync(left, { message: 'gone' });
  release({ results: [x509('alice'), x509('bob')] });
  const [svid] = await stayed;
  t.false(svid instanceof SpirlError);
  t.deepEqual(minted, [
    ['x509', 'Canceled'],
    ['x509', 'OK'],
  ]);
});

test('attributes that are too large are refused here, and spoil no message', async (t) => {
  const { issuer, messages } = setUp({
    MintX509SVIDs: (request) => Promise.resolve({ results: request.items.map((_, i) => x509(userOf(request, i))) }),
  });
  const [large, small] = await issuer.mint([item('x'.repeat(70_000)), item('alice')], NEVER);
  t.like(large, { code: 'INVALID_REQUEST' });
  t.false(small instanceof SpirlError);
  t.is(messages[0]?.request.items.length, 1);
});

test('a JWT-SVID is minted for its audience, and counted', async (t) => {
  const { issuer, minted, messages } = setUp({
    MintJWTSVIDs: ({ items }) =>
      Promise.resolve({
        results: items.map(({ audience }) => ({
          status: { code: 0, message: '' },
          spiffeId: 'spiffe://example.org/alice',
          token: audience.join(),
          keysetId: 'ks_aaaaaaaaaa',
          issuedAtMs: 1,
          expiresAtMs: 2,
          hint: '',
        })),
      }),
  });
  const svid = await issuer.mintJwt({ attributes: item('alice').attributes, audience: ['a', 'b'] }, NEVER);
  t.like(svid, { token: 'a,b', issuedAt: 1, expiresAt: 2, keysetId: 'ks_aaaaaaaaaa' });
  t.deepEqual(messages[0]?.request.items[0]?.audience, ['a', 'b']);
  t.deepEqual(minted, [['jwt', 'OK']]);
});

test('identities are resolved in messages of at most 500', async (t) => {
  const { issuer, messages, minted } = setUp({
    ResolveIdentities: ({ items }) =>
      Promise.resolve({
        results: items.map((_, i) =>
          i === 0
            ? { status: { code: status.PERMISSION_DENIED, message: 'no' }, spiffeId: '', outcome: '' }
            : { status: null, spiffeId: 'spiffe://example.org/x', outcome: 'o' },
        ),
      }),
  });
  const outcomes = await issuer.resolve(
    Array.from({ length: 501 }, () => item('x').attributes),
    NEVER,
  );
  t.deepEqual(
    messages.map(({ request }) => request.items.length),
    [500, 1],
  );
  t.like(outcomes[0], { code: 'NO_IDENTITY_ISSUED' });
  t.like(outcomes[1], { outcome: 'o' });
  t.is(outcomes.length, 501);
  t.deepEqual(minted, []);
});
