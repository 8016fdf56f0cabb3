import test from 'ava';
import { SpirlError } from '../../../../src/runtime/errors.js';
import { KeyServiceThrottled } from '../../../../server-stub/src/domain/key-manager.js';
import { RemoteCalls } from '../../../../server-stub/src/key-manager/remote/remote-calls.js';
import { FakeClock, flush } from '../../../fakes/fake-clock.js';

const never = new AbortController().signal;
const away = () => new SpirlError('KEY_SERVICE_UNAVAILABLE', 'away');

function setUp(inFlight = 4) {
  const clock = new FakeClock();
  const counted: string[] = [];
  const metrics = {
    keyServiceCalled: (_: string, operation: string, outcome: string) => counted.push(`${operation} ${outcome}`),
    signedWrongly: () => counted.push('wrong'),
  };
  const calls = new RemoteCalls({ name: 'awsKMS', inFlight, clock, metrics, random: () => 0.5 });
  return { clock, calls, counted };
}

test('no more calls are under way than allowed; the others wait in order', async (t) => {
  const { calls } = setUp(2);
  const gates: (() => void)[] = [];
  const started: number[] = [];
  const all = [0, 1, 2, 3].map((n) =>
    calls.sign(() => {
      started.push(n);
      return new Promise<void>((resolve) => gates.push(resolve));
    }, never),
  );
  await flush();
  t.deepEqual(started, [0, 1]);
  t.deepEqual([calls.levels.inFlight, calls.levels.waiting], [2, 2]);
  gates[0]?.();
  await flush();
  t.deepEqual(started, [0, 1, 2]);
  for (let i = 1; i < 4; i++) {
    gates[i]?.();
    await flush();
  }
  await Promise.all(all);
  t.deepEqual([calls.levels.inFlight, calls.levels.waiting], [0, 0]);
});

test('a caller that goes away while it waits is answered at once, and nothing is signed for it', async (t) => {
  const { calls } = setUp(1);
  let open = (): void => {};
  const first = calls.sign(() => new Promise<void>((resolve) => (open = resolve)), never);
  const gone = new AbortController();
  const second = calls.sign(() => Promise.reject(new Error('asked')), gone.signal);
  await flush();
  gone.abort(new Error('gone'));
  await t.throwsAsync(second, { message: 'gone' });
  open();
  await first;
});

test('throttling slows the callers down and fails nobody', async (t) => {
  const { clock, calls, counted } = setUp(4);
  let left = 6;
  const signed = Promise.all(
    [1, 2, 3, 4, 5, 6, 7, 8].map(() =>
      calls.sign(() => (left-- > 0 ? Promise.reject(new KeyServiceThrottled('slow')) : Promise.resolve('ok')), never),
    ),
  );
  await flush();
  t.is(calls.levels.limit, 2);
  await clock.advance(10_000);
  t.deepEqual(await signed, Array<string>(8).fill('ok'));
  t.is(counted.filter((one) => one === 'sign throttled').length, 6);
  t.is(calls.levels.circuit, 'closed');
});

test('the pause after throttling is at least what the service wished', async (t) => {
  const { clock, calls } = setUp();
  let asked = 0;
  const signed = calls.sign(() => {
    asked++;
    return asked === 1 ? Promise.reject(new KeyServiceThrottled('slow', { retryAfterMs: 7000 })) : Promise.resolve(1);
  }, never);
  await clock.advance(6999);
  t.is(asked, 1);
  await clock.advance(500);
  t.is(await signed, 1);
});

test('a service that throttles for ever is given up after a minute', async (t) => {
  const { clock, calls } = setUp();
  const late = t.throwsAsync(
    calls.sign(() => Promise.reject(new KeyServiceThrottled('slow')), never),
    { instanceOf: KeyServiceThrottled },
  );
  await clock.advance(65_000);
  await late;
});

test('one lost answer is asked for again; a refusal is not', async (t) => {
  const { clock, calls, counted } = setUp();
  let asked = 0;
  const again = calls.sign(() => (asked++ === 0 ? Promise.reject(away()) : Promise.resolve('ok')), never);
  await clock.advance(1000);
  t.is(await again, 'ok');
  const refused = () => Promise.reject(new SpirlError('KEY_SERVICE_REFUSED', 'no'));
  await t.throwsAsync(calls.sign(refused, never), { code: 'KEY_SERVICE_REFUSED' });
  t.deepEqual(counted, ['sign unavailable', 'sign ok', 'sign refused']);
});

test('a service that is down is left alone, fails fast, and is probed for its return', async (t) => {
  const { clock, calls, counted } = setUp();
  let up = false;
  let asked = 0;
  const call = () => {
    asked++;
    return up ? Promise.resolve('ok') : Promise.reject(away());
  };
  const failing = Promise.allSettled([1, 2, 3].map(() => calls.sign(call, never)));
  await clock.advance(1000);
  await failing;
  t.is(calls.levels.circuit, 'open');
  const before = asked;
  await t.throwsAsync(calls.sign(call, never), { code: 'KEY_SERVICE_UNAVAILABLE', message: /does not answer/ });
  t.is(asked, before);
  t.true(counted.includes('sign rejected'));
  up = true;
  await clock.advance(2000);
  t.is(await calls.sign(call, never), 'ok');
  t.is(calls.levels.circuit, 'closed');
});

test('a service that never answers costs five seconds and counts as down', async (t) => {
  const { clock, calls } = setUp(8);
  const hung = () => new Promise<never>(() => {});
  const waiting = [1, 2, 3, 4, 5].map(() =>
    t.throwsAsync(calls.sign(hung, never), { code: 'KEY_SERVICE_UNAVAILABLE' }),
  );
  await clock.advance(12_000);
  await Promise.all(waiting);
  t.is(calls.levels.circuit, 'open');
});

test('too many waiting signatures are refused at once', async (t) => {
  const { calls } = setUp(1);
  const stop = new AbortController();
  const hung = () => new Promise<never>(() => {});
  const waiting = Array.from({ length: 4001 }, () => calls.sign(hung, stop.signal).catch(() => {}));
  await flush();
  await t.throwsAsync(calls.sign(hung, never), { code: 'LIMIT_REACHED' });
  stop.abort(new Error('stop'));
  await Promise.all(waiting);
});

test('a new key is not asked for twice when the answer is lost; a list is', async (t) => {
  const { clock, calls } = setUp();
  let made = 0;
  await t.throwsAsync(
    calls.other('create', () => Promise.reject((made++, away())), never),
    { code: 'KEY_SERVICE_UNAVAILABLE' },
  );
  t.is(made, 1);
  let listed = 0;
  const list = calls.other('list', () => (listed++ === 0 ? Promise.reject(away()) : Promise.resolve([])), never);
  await clock.advance(1000);
  t.deepEqual(await list, []);
});

test('a new key is asked for again while the service throttles, not before it wishes, and for twenty seconds at most', async (t) => {
  const { clock, calls, counted } = setUp();
  let asked = 0;
  const busy = (retryAfterMs?: number) => Promise.reject(new KeyServiceThrottled('busy', { retryAfterMs }));
  const made = calls.other('create', () => (asked++ < 2 ? busy(3000) : Promise.resolve('key')), never);
  await clock.advance(2999);
  t.is(asked, 1);
  await clock.advance(5000);
  t.is(await made, 'key');
  t.deepEqual(counted, ['create throttled', 'create throttled', 'create ok']);
  const begun = clock.now();
  const given = t.throwsAsync(
    calls.other('create', () => busy(), never),
    { instanceOf: KeyServiceThrottled },
  );
  await clock.through(given, 100);
  t.true(clock.now() - begun >= 18_000 && clock.now() - begun <= 23_000, String(clock.now() - begun));
});

test('whoever is to come back later than anybody waits is told at once', async (t) => {
  const { calls } = setUp();
  const busy = () => Promise.reject(new KeyServiceThrottled('busy', { retryAfterMs: 30_000 }));
  await t.throwsAsync(calls.other('create', busy, never), { instanceOf: KeyServiceThrottled });
});
