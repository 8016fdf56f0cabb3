import test from 'ava';
import { SpiffeId } from '../../src/domain/spiffe-id.js';
import { SpirlError } from '../../src/runtime/errors.js';
import { named, Stage } from './stage.js';

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;

interface Asked {
  readonly name?: string;
  readonly uid?: number;
  readonly audience?: readonly string[];
  readonly spiffeId?: SpiffeId;
}

/** The token, or the code of the failure. */
async function ask(stage: Stage, { name = 'w', uid = 1000, audience = ['a'], spiffeId }: Asked = {}): Promise<string> {
  const request = { attributes: named(name), uid, audience, ...(spiffeId === undefined ? {} : { spiffeId }) };
  const asked = stage.room.jwt.jwtSvids(request, new AbortController().signal);
  const [answer] = await Promise.allSettled([asked, stage.clock.advance(stage.server.latencyMs)]);
  if (answer.status === 'fulfilled') return answer.value[0]?.token ?? '';
  return answer.reason instanceof SpirlError ? answer.reason.code : String(answer.reason);
}

function staged(settings = {}): Stage {
  const stage = new Stage(settings);
  stage.server.publish();
  return stage;
}

test('one JWT-SVID per identity and set of audiences', async (t) => {
  const stage = staged();
  const first = await ask(stage, { audience: ['b', 'a', 'b'] });
  t.is(first, '1.a+b');
  t.is(await ask(stage, { audience: ['a', 'b'], uid: 7 }), first);
  t.not(await ask(stage, { audience: ['a'] }), first);
  t.not(await ask(stage, { name: 'x', audience: ['a', 'b'] }), first);
  t.is(stage.server.jwtSent.length, 3);
  await stage.stop();
});

test('callers at the same time share one call', async (t) => {
  const stage = staged();
  const answers = await Promise.all([ask(stage), ask(stage), ask(stage)]);
  t.is(new Set(answers).size, 1);
  t.is(stage.server.jwtSent.length, 1);
  await stage.stop();
});

test('requests are refused for no audience, an empty one, too long ones, a foreign SPIFFE ID and no identity', async (t) => {
  const stage = staged();
  t.is(await ask(stage, { audience: [] }), 'INVALID_REQUEST');
  t.is(await ask(stage, { audience: ['a', ''] }), 'INVALID_REQUEST');
  t.is(await ask(stage, { audience: ['x'.repeat(9_000)] }), 'INVALID_REQUEST');
  t.is(await ask(stage, { spiffeId: SpiffeId.parse('spiffe://example.org/other') }), 'NO_IDENTITY_ISSUED');
  t.is(await ask(stage, { spiffeId: SpiffeId.parse('spiffe://example.org/w') }), '1.a');
  stage.server.path = () => undefined;
  t.is(await ask(stage, { name: 'y' }), 'NO_IDENTITY_ISSUED');
  await stage.stop();
});

test('refreshed in the background before half of its life while it is asked for, and only then', async (t) => {
  const stage = staged();
  const first = await ask(stage);
  await ask(stage, { audience: ['once'] });
  t.is(await ask(stage), first);
  await stage.clock.advance(31 * MINUTE);
  t.is(stage.server.jwtSent.length, 3);
  const second = await ask(stage);
  t.not(second, first);
  t.is(stage.server.jwtSent.length, 3, 'answered from the cache');
  await stage.stop();
});

test('while the server is away a valid one is served at once, and none beyond its end', async (t) => {
  const stage = staged();
  const first = await ask(stage);
  stage.server.away = true;
  t.is(await ask(stage), first);
  await stage.clock.advance(40 * MINUTE);
  t.is(stage.expiring.jwt, 1);
  t.is(await ask(stage), first);
  await stage.clock.advance(20 * MINUTE - 5 * SECOND);
  t.is(await ask(stage), 'UNAVAILABLE', 'the last seconds are not given out');
  stage.server.away = false;
  t.not(await ask(stage), first);
  await stage.stop();
});

test('a taint leaves them alone; when their keyset is gone they go at once', async (t) => {
  const stage = staged();
  const first = await ask(stage);
  stage.server.rotate('ks_b');
  await stage.clock.advance(2 * MINUTE);
  t.is(await ask(stage), first);
  t.is(stage.server.jwtSent.length, 1);
  stage.server.keysets.delete('ks_a');
  stage.server.publish();
  t.not(await ask(stage), first);
  await stage.stop();
});

test('a changed policy is asked before a cached one is served; if nobody can answer, the valid one is', async (t) => {
  const stage = staged();
  const first = await ask(stage);
  stage.server.policyVersion = 2;
  stage.server.publish();
  stage.server.away = true;
  t.is(await ask(stage), first);
  stage.server.away = false;
  const second = await ask(stage);
  t.not(second, first);
  t.is(await ask(stage), second);
  stage.server.policyVersion = 3;
  stage.server.path = () => undefined;
  stage.server.publish();
  t.is(await ask(stage), 'NO_IDENTITY_ISSUED');
  await stage.stop();
});

test('when the policy reads something else, nothing of the cache is served', async (t) => {
  const stage = staged();
  stage.server.reads = ['name', 'uid'];
  stage.server.publish();
  const first = await ask(stage);
  stage.server.reads = ['name'];
  stage.server.policyVersion = 2;
  stage.server.publish();
  stage.server.away = true;
  t.is(await ask(stage), 'UNAVAILABLE');
  t.truthy(first);
  await stage.stop();
});

test('one uid that floods audiences drives out its own and is slowed down; others do not notice', async (t) => {
  const stage = staged({ maxJwtSvids: 50, maxJwtSvidsPerUid: 10 });
  const mine = await ask(stage, { uid: 1, audience: ['mine'] });
  let refused = 0;
  for (let i = 0; i < 300; i++) {
    if ((await ask(stage, { uid: 666, audience: [`flood${i}`] })) === 'LIMIT_REACHED') refused++;
  }
  t.true(refused > 50);
  t.is(await ask(stage, { uid: 1, audience: ['mine'] }), mine);
  t.regex(await ask(stage, { uid: 2, audience: ['other'] }), /other/);
  await stage.stop();
});

test('one uid has a bounded number of calls under way', async (t) => {
  const stage = staged();
  stage.server.latencyMs = 5 * SECOND;
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(stage, { audience: [`a${i}`] })));
  t.is(answers.filter((answer) => answer === 'LIMIT_REACHED').length, 24);
  await stage.stop();
});

test('the whole cache is bounded, least recently asked for goes first', async (t) => {
  const stage = staged({ maxJwtSvids: 3 });
  for (const uid of [1, 2, 3]) await ask(stage, { uid, audience: [`a${uid}`] });
  await ask(stage, { uid: 1, audience: ['a1'] });
  await ask(stage, { uid: 4, audience: ['a4'] });
  const sent = stage.server.jwtSent.length;
  await ask(stage, { uid: 1, audience: ['a1'] });
  t.is(stage.server.jwtSent.length, sent);
  await ask(stage, { uid: 2, audience: ['a2'] });
  t.is(stage.server.jwtSent.length, sent + 1);
  await stage.stop();
});

test('a token of hours is dropped at its end', async (t) => {
  const stage = staged();
  const first = await ask(stage);
  await stage.clock.advance(2 * HOUR);
  t.not(await ask(stage), first);
  await stage.stop();
});
