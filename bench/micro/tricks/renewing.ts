import { planRenewals, type Candidate } from '../../../src/svid/renewal-plan.js';
import { RenewalQueue } from '../../../src/svid/renewal-queue.js';
import { Sink, type Trick } from './trick.js';

const HELD = 10_000;
/** What the gate lets go at once at the specified rate. */
const BATCH = 5;
const NOW = { wall: 1_790_000_000_000, monotonic: 1_000 };

/** All of an agent's SVIDs after a taint. */
const ALL: readonly Candidate[] = Array.from({ length: HELD }, (_, at) => ({
  dueAt: NOW.wall + 3_600_000,
  forcedAt: NOW.monotonic,
  retryAt: -Infinity,
  attempts: 0,
  notAfter: NOW.wall + 7_200_000 + ((at * 7_919) % HELD),
}));

const queue: Trick = {
  name: 'next batch of renewals from a queue, of a look at 10,000',
  unit: 'batch of five',
  open: () => {
    const sink = new Sink();
    const renewals = new RenewalQueue<Candidate>();
    const fill = (): void => renewals.fill(ALL, NOW, 10_000);
    fill();
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) {
          if (renewals.dueAt(NOW.monotonic) === 0) fill();
          sink.kept = renewals.take(BATCH, () => true);
        }
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = planRenewals(ALL, NOW).due.slice(0, BATCH);
      },
    };
  },
};

export const renewingTricks: readonly Trick[] = [queue];
