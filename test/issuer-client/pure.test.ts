import fc from 'fast-check';
import test from 'ava';
import { Acknowledgements } from '../../src/issuer-client/acknowledgements.js';
import { backoffMs, RECONNECT_BACKOFF } from '../../src/issuer-client/backoff.js';
import { type Session, sessionStep } from '../../src/issuer-client/session.js';
import { olderDeployment } from '../../src/issuer-client/trust-store.js';

test('backoff grows to its cap, is never zero and never above', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (failures, drawn) => {
        const wait = backoffMs(failures, RECONNECT_BACKOFF, () => drawn);
        return wait >= 50 && wait <= RECONNECT_BACKOFF.capMs;
      },
    ),
  );
  t.deepEqual(
    [1, 2, 3, 4, 5].map((failures) => backoffMs(failures, RECONNECT_BACKOFF, () => 1)),
    [500, 1000, 2000, 4000, 5000],
  );
});

test('a fleet that lost its server at one moment does not come back at one moment', (t) => {
  const waits = Array.from({ length: 1000 }, (_, i) => backoffMs(5, RECONNECT_BACKOFF, () => i / 1000));
  const busiest = Math.max(
    ...Array.from({ length: 10 }, (_, s) => waits.filter((w) => Math.floor(w / 500) === s).length),
  );
  t.true(busiest < 150);
});

const session = { receivedAt: 1_000_000, notAfter: 1_100_000 } as Session;
const steps: { name: string; session: Session | undefined; now: number; jitter: number; want: object }[] = [
  { name: 'without a session: login', session: undefined, now: 0, jitter: 0, want: { do: 'login' } },
  { name: 'young: wait, but look again soon', session, now: 1_000_000, jitter: 0, want: { do: 'wait', ms: 30_000 } },
  { name: 'shortly before it is due: wait', session, now: 1_044_000, jitter: 0, want: { do: 'wait', ms: 1_000 } },
  { name: 'due from 0.45 of its life', session, now: 1_045_000, jitter: 0, want: { do: 'renew' } },
  { name: 'and at the latest at 0.55', session, now: 1_055_000, jitter: 1, want: { do: 'renew' } },
  { name: 'over: login', session, now: 1_100_000, jitter: 0, want: { do: 'login' } },
];
for (const { name, session: at, now, jitter, want } of steps) {
  test(`session step, ${name}`, (t) => t.deepEqual(sessionStep(at, now, jitter), want as never));
}

const at = (deploymentId: string, epoch: number, revision: number) => ({ deploymentId, epoch, revision, keysets: {} });
const states = [
  { name: 'nothing known', known: [], next: [at('d', 1, 1)], older: false },
  { name: 'the same', known: [at('d', 1, 5)], next: [at('d', 1, 5)], older: false },
  { name: 'newer', known: [at('d', 1, 5)], next: [at('d', 1, 6)], older: false },
  { name: 'older', known: [at('d', 1, 5)], next: [at('d', 1, 4)], older: true },
  { name: 'restored: a higher epoch', known: [at('d', 1, 5)], next: [at('d', 2, 1)], older: false },
  { name: 'a lower epoch', known: [at('d', 2, 1)], next: [at('d', 1, 9)], older: true },
  {
    name: 'one of two older',
    known: [at('d', 1, 5), at('e', 1, 5)],
    next: [at('d', 1, 6), at('e', 1, 4)],
    older: true,
  },
  { name: 'a deployment that has gone', known: [at('d', 1, 5), at('e', 1, 5)], next: [at('d', 1, 5)], older: false },
];
for (const { name, known, next, older } of states) {
  test(`order of states, ${name}`, (t) => t.is(olderDeployment(next, known) !== undefined, older));
}

test('an acknowledgement waits for the push, and names the stream version that it stands for', (t) => {
  const acks = new Acknowledgements();
  acks.streamOpened();
  acks.received(1, 7);
  t.is(acks.take(), undefined);
  acks.pushed(7, { ks_a: 2 });
  t.deepEqual(acks.take(), { acknowledgedVersion: 1, svidsPerKeyset: { ks_a: 2 } });
  t.is(acks.take(), undefined);
});

test('later counts are sent with the version acknowledged last', (t) => {
  const acks = new Acknowledgements();
  acks.received(1, 7);
  acks.pushed(7, {});
  acks.take();
  acks.pushed(7, { ks_a: 1 });
  t.deepEqual(acks.take(), { acknowledgedVersion: 1, svidsPerKeyset: { ks_a: 1 } });
});

test('a message that says nothing new is acknowledged at once', (t) => {
  const acks = new Acknowledgements();
  acks.received(1, 7);
  acks.pushed(7, {});
  acks.take();
  acks.received(2, 7);
  t.like(acks.take(), { acknowledgedVersion: 2 });
});

test('a new stream is acknowledged in its own versions', (t) => {
  const acks = new Acknowledgements();
  acks.received(5, 7);
  acks.pushed(7, {});
  acks.streamOpened();
  t.is(acks.take(), undefined);
  acks.received(1, 7);
  t.like(acks.take(), { acknowledgedVersion: 1 });
});

test('the newest of several pushed states is acknowledged', (t) => {
  const acks = new Acknowledgements();
  acks.received(1, 7);
  acks.received(2, 8);
  acks.received(3, 9);
  acks.pushed(8, {});
  t.like(acks.take(), { acknowledgedVersion: 2 });
  acks.pushed(9, {});
  t.like(acks.take(), { acknowledgedVersion: 3 });
});
