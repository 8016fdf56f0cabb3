import test from 'ava';
import { Overloaded } from '../../../src/domain/overloaded.js';
import { IssuanceQueue } from '../../../server-stub/src/api/agent-issuance-queue.js';
import { ISSUANCE_LIMITS, type IssuanceLimits } from '../../../server-stub/src/api/issuance-limits.js';
import { FakeClock, flush } from '../../fakes/fake-clock.js';
import { callerOf } from '../../fakes/svid-caller.js';

/** Agents give up a call after this time. */
const CALL_MS = 15_000;
const STEP_MS = 100;

/**
 * A key service with a quota of `perSecond`, `agents` agents of which each asks for `perCall` renewals as one call, and asks again
 * for what it did not get: after the hint, or at once when the call took too long.
 */
async function simulate(options: {
  perSecond: number;
  agents: number;
  perCall: number;
  everyMs: number;
  seconds: number;
  limits?: Partial<IssuanceLimits>;
}) {
  const { perSecond, agents, perCall, everyMs, seconds } = options;
  const limits = { ...ISSUANCE_LIMITS, ...options.limits };
  const clock = new FakeClock();
  const queue = new IssuanceQueue({ clock, metrics: { issuanceRefused: () => {} }, limits });
  const stop = new AbortController();
  const running = queue.run(stop.signal);
  const signing: (() => void)[] = [];
  const counts = { signed: 0, received: 0, refused: 0, slowestMs: 0 };

  const call = async (agent: string): Promise<void> => {
    const begun = clock.monotonic();
    const gone = new AbortController();
    void clock.sleep(CALL_MS, gone.signal).then(
      () => gone.abort(),
      () => {},
    );
    const one = () => new Promise<void>((resolve) => signing.push(resolve)).then(() => counts.signed++);
    const caller = callerOf(gone.signal);
    const results = await Promise.allSettled(
      Array.from({ length: perCall }, () => queue.issue(agent, 'renewal', one, caller)),
    );
    const tookMs = clock.monotonic() - begun;
    counts.slowestMs = Math.max(counts.slowestMs, tookMs);
    if (tookMs < CALL_MS) counts.received += results.filter(({ status }) => status === 'fulfilled').length;
    counts.refused += results.filter((r) => r.status === 'rejected' && r.reason instanceof Overloaded).length;
    gone.abort();
  };

  let credit = 0;
  const calls: Promise<void>[] = [];
  for (let ms = 0; ms < seconds * 1000; ms += STEP_MS) {
    for (let a = 0; a < agents; a++) if ((ms + a * STEP_MS) % everyMs === 0) calls.push(call(`agent-${a}`));
    for (credit += (perSecond * STEP_MS) / 1000; credit >= 1 && signing.length > 0; credit--) {
      signing.shift()?.();
      await flush();
    }
    credit = Math.min(credit, 1);
    await clock.advance(STEP_MS);
  }
  stop.abort();
  await running;
  return { ...counts, waiting: queue.size };
}

const LOADS = {
  'four times its quota by small calls': { perSecond: 50, agents: 20, perCall: 10, everyMs: 1_000 },
  'twice its quota by large calls': { perSecond: 50, agents: 4, perCall: 100, everyMs: 4_000 },
  'eight times a very small quota': { perSecond: 5, agents: 20, perCall: 10, everyMs: 5_000 },
};
const SECONDS = 60;

for (const [name, load] of Object.entries(LOADS)) {
  test(`a service that is asked for ${name} is used whole, and what it signs is received in time`, async (t) => {
    const { signed, received, refused, slowestMs } = await simulate({ ...load, seconds: SECONDS });
    t.true(signed >= 0.9 * load.perSecond * SECONDS, `${signed} signed`);
    // At the end a call of each agent may be under way.
    const underWay = load.agents * load.perCall;
    t.true(received >= Math.min(0.95 * signed, signed - underWay), `${received} received of ${signed}`);
    t.true(slowestMs < CALL_MS, `the slowest call took ${slowestMs} ms`);
    t.true(refused > 0);
  });
}

test('without bounds of time the same load makes signatures for nobody', async (t) => {
  const limits = { doorMs: Infinity, waitMs: Infinity, answerMs: Infinity };
  const load = LOADS['four times its quota by small calls'];
  const { signed, received } = await simulate({ ...load, seconds: SECONDS, limits });
  t.true(received < 0.5 * signed, `${received} received of ${signed}`);
});
