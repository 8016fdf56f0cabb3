import test from 'ava';
import fc from 'fast-check';
import { CalendarQueue } from '../../bench/fleet/calendar-queue.js';
import { FIRST, MessagePool, RENEWAL } from '../../bench/fleet/message-pool.js';
import { ServerQueue } from '../../bench/fleet/server-queue.js';
import { IssuanceQueue } from '../../server-stub/src/api/agent-issuance-queue.js';
import { ISSUANCE_LIMITS, type IssuanceLimits } from '../../server-stub/src/api/issuance-limits.js';
import { FakeClock, flush } from '../fakes/fake-clock.js';

// The simulated line of a server beside the one that ships: the same arrivals have to be issued, and refused, in the same order.

interface Arrival {
  readonly afterMs: number;
  readonly agent: number;
  readonly items: number;
  readonly renewal: boolean;
}

interface Load {
  readonly places: number;
  /** How long one SVID takes. */
  readonly takesMs: number;
  readonly waiting: number;
  readonly perAgent: number;
  readonly arrivals: readonly Arrival[];
}

/** `12: begun 3` says that an SVID of message 3 was begun after 12 ms. */
type Log = string[];

const ENDS_MS = 120_000;

function limitsOf({ places, waiting, perAgent }: Load): IssuanceLimits {
  return { ...ISSUANCE_LIMITS, concurrency: places, waiting, perAgent, perTurn: 1e9 };
}

async function shipped(load: Load): Promise<Log> {
  const log: Log = [];
  const clock = new FakeClock(0);
  const queue = new IssuanceQueue({ clock, metrics: { issuanceRefused: () => {} }, limits: limitsOf(load) });
  const { signal } = new AbortController();
  for (const [message, { afterMs, agent, items, renewal }] of load.arrivals.entries()) {
    await clock.advance(afterMs);
    for (let i = 0; i < items; i++) {
      const job = async (): Promise<void> => {
        log.push(`${clock.now()}: begun ${message}`);
        await clock.sleep(load.takesMs, signal);
      };
      const caller = { signal, deadline: Infinity, isGone: false };
      queue
        .issue(`agent ${agent}`, renewal ? 'renewal' : 'first', job, caller)
        .catch(() => log.push(`${clock.now()}: refused ${message}`));
    }
    await flush();
  }
  await clock.advance(ENDS_MS);
  return log;
}

function simulated(load: Load): Log {
  const log: Log = [];
  const pool = new MessagePool();
  const events = new CalendarQueue(ENDS_MS * 2);
  let running = 0;
  const [ARRIVES, ENDS] = [0, 1];
  const queue = new ServerQueue(pool, limitsOf(load), (message, _why, now) => {
    log.push(`${now}: refused ${message}`);
    queue.left(message, 1);
  });
  const start = (now: number): void => {
    while (running < load.places) {
      const message = queue.next(running, now);
      if (message < 0) return;
      running++;
      log.push(`${now}: begun ${message}`);
      events.schedule(now + load.takesMs, ENDS, message);
    }
  };
  let at = 0;
  for (const { afterMs, agent, items, renewal } of load.arrivals) {
    at += afterMs;
    events.schedule(at, ARRIVES, pool.open(renewal ? RENEWAL : FIRST, agent, -1, items, at));
  }
  while (
    events.next((now, kind, message) => {
      if (kind === ARRIVES) {
        const taken = queue.enter(message, running, now);
        start(now);
        for (let i = taken; i < (pool.items[message] ?? 0); i++) log.push(`${now}: refused ${message}`);
        return;
      }
      running--;
      queue.left(message, 1);
      queue.ended(now);
      start(now);
    })
  );
  return log;
}

/** What happens at one moment happens in any order: a refusal is heard a little later than it is decided. */
function inOrder(log: Log): Log {
  const [begun, refused] = [
    log.filter((line) => line.includes('begun')),
    log.filter((line) => line.includes('refused')),
  ];
  const moment = (line: string): number => Number(line.split(':')[0]);
  return [...begun, ...refused.sort((a, b) => moment(a) - moment(b) || (a < b ? -1 : 1))];
}

const arrival = fc.record({
  afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 900 })),
  agent: fc.integer({ min: 0, max: 4 }),
  items: fc.integer({ min: 1, max: 30 }),
  renewal: fc.boolean(),
});
const load = fc.record({
  places: fc.integer({ min: 1, max: 4 }),
  // Nothing arrives at the moment at which an SVID is done: which of the two comes first would be chance.
  takesMs: fc.constantFrom(3.3719, 40.4173, 300.5391, 900.7177),
  waiting: fc.constantFrom(25, 20_000),
  perAgent: fc.constantFrom(40, 2_000),
  arrivals: fc.array(arrival, { minLength: 1, maxLength: 60 }),
});

test('whatever arrives, the simulated line issues and refuses what the server’s line does, at the same moments', async (t) => {
  let [refused, begun] = [0, 0];
  const check = fc.asyncProperty(load, async (given) => {
    const [model, real] = [inOrder(simulated(given)), inOrder(await shipped(given))];
    refused += real.filter((line) => line.includes('refused')).length;
    begun += real.filter((line) => line.includes('begun')).length;
    const same = model.length === real.length && model.every((line, i) => line === real[i]);
    const at = model.findIndex((line, i) => line !== real[i]);
    if (!same) t.log(at, model.slice(at - 2, at + 12), real.slice(at - 2, at + 12));
    return same;
  });
  await fc.assert(check, { numRuns: 80, seed: 20261121 });
  t.true(refused > 500 && begun > 2_000, `${refused} refused, ${begun} begun`);
});
