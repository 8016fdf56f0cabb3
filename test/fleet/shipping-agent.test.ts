import test from 'ava';
import fc from 'fast-check';
import { AgentModel } from '../../bench/fleet/agent-model.js';
import { CalendarQueue } from '../../bench/fleet/calendar-queue.js';
import { ANSWER } from '../../bench/fleet/event-kinds.js';
import { FleetState, NEW } from '../../bench/fleet/fleet-state.js';
import { MessagePool } from '../../bench/fleet/message-pool.js';
import { Random } from '../../bench/fleet/random.js';
import { gatedRule } from '../../bench/fleet/renewal-rule.js';
import { drawTaintDelay, TAINT_DELAY_MAX_MS } from '../../src/svid/taint-wave.js';
import { Stage } from '../svid/stage.js';
import { scenario } from './scenarios.js';

// The simulated agent beside the one that ships, both with the same load: they have to send the same at the same moments.

/** A wave over `svids`, with a server that takes `latencyMs` and is away for a while (milliseconds from the taint). */
interface Load {
  readonly svids: number;
  readonly latencyMs: number;
  readonly awayFrom: number;
  readonly awayFor: number;
  /** What every draw gives. */
  readonly chance: number;
}

/** One message: milliseconds from the taint, and how many SVIDs it asks for. */
type Start = readonly [atMs: number, count: number];

const LASTS_MS = 240_000;

class Always extends Random {
  override readonly next: () => number;
  constructor(chance: number) {
    super(1);
    this.next = () => chance;
  }
}

function simulated({ svids, latencyMs, awayFrom, awayFor, chance }: Load): Start[] {
  const starts: Start[] = [];
  const plan = scenario({
    'agents.count': 1,
    'agents.svids': svids,
    'agents.start': 'together',
    'svids.x509TTL': '24h',
  });
  const parts = { fleet: new FleetState(plan, 1), pool: new MessagePool(), events: new CalendarQueue(LASTS_MS) };
  const { fleet, pool, events } = parts;
  const isAway = (now: number): boolean => now >= awayFrom && now < awayFrom + awayFor;
  const agents = new AgentModel(
    plan,
    { ...parts, random: new Always(chance), rule: gatedRule(plan.agents.renewalsPerSecond) },
    {
      send: (message, now) => {
        starts.push([now, pool.items[message] ?? 0]);
        pool.keyset[message] = NEW;
        events.schedule(isAway(now) ? now + 0.001 : now + latencyMs, ANSWER, message);
      },
      replacing: () => {},
    },
  );
  fleet.forcedAt[0] = drawTaintDelay(TAINT_DELAY_MAX_MS, () => chance);
  agents.wakeBy(0, fleet.forcedAt[0]);
  const handle = (now: number, kind: number, value: number): void => {
    if (kind === ANSWER) agents.answered(value, isAway(now) ? 0 : (pool.items[value] ?? 0), now);
    else agents.woken(value, now);
  };
  while (events.next(handle));
  return starts;
}

async function shipped({ svids, latencyMs, awayFrom, awayFor, chance }: Load): Promise<Start[]> {
  const stage = new Stage({}, { always: chance });
  stage.server.publish();
  await stage.streams(svids);
  stage.server.latencyMs = latencyMs;
  const taintedAt = stage.clock.monotonic();
  stage.server.sent = [];
  stage.server.rotate('ks_b');
  await stage.clock.advance(awayFrom);
  stage.server.away = awayFor > 0;
  await stage.clock.advance(awayFor);
  stage.server.away = false;
  await stage.clock.advance(LASTS_MS - awayFrom - awayFor);
  await stage.stop();
  return stage.server.sent.map(({ at, count }) => [at - taintedAt, count]);
}

const load = fc.record({
  svids: fc.integer({ min: 1, max: 160 }),
  latencyMs: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1_000, max: 14_000 })),
  awayFrom: fc.integer({ min: 0, max: 70_000 }).map((ms) => ms + 0.5),
  awayFor: fc.oneof(fc.constant(0), fc.integer({ min: 100, max: 40_000 })),
  chance: fc.integer({ min: 0, max: 99 }).map((percent) => percent / 100),
});

test('under any load the simulated agent sends what the shipping agent sends, at the same moments', async (t) => {
  const check = fc.asyncProperty(load, async (given) => {
    const [model, real] = [simulated(given), await shipped(given)];
    const same =
      model.length === real.length &&
      model.every(([at, count], i) => Math.abs(at - (real[i]?.[0] ?? NaN)) < 2 && count === real[i]?.[1]);
    if (!same) t.log(given, model.slice(0, 40), real.slice(0, 40));
    return same;
  });
  await fc.assert(check, { numRuns: 40, seed: 20261121 });
  t.pass();
});

test('such loads reach the bound of messages under way, and wait for a server that is away', (t) => {
  const slow = simulated({ svids: 160, latencyMs: 12_000, awayFrom: 0, awayFor: 0, chance: 0 });
  t.true(slow.some(([at], i) => i > 0 && at - (slow[i - 1]?.[0] ?? 0) > 5_000));
  const away = simulated({ svids: 160, latencyMs: 20, awayFrom: 1_000, awayFor: 30_000, chance: 0.5 });
  t.true(away.length > 160 / 5);
});
