import test from 'ava';
import type { KeysetState } from '../../src/domain/keyset-state.js';
import {
  drawTaintDelay,
  forcedRenewalAt,
  NO_KEYSETS,
  nextKeysetView,
  standingOf,
  type KeysetView,
} from '../../src/svid/taint-wave.js';

type States = Readonly<Record<string, KeysetState>>;

function deployments(keysets: States, version: number) {
  return [{ deploymentId: 'tdd-1', epoch: 1, revision: version, keysets }];
}

/** The view after states that came one second apart; every wait drawn is 5 s. */
function after(...states: readonly States[]): KeysetView {
  return states.reduce(
    (view, keysets, i) =>
      nextKeysetView(view, { version: i + 1, deployments: deployments(keysets, i + 1) }, i * 1000, () => 5_000),
    NO_KEYSETS,
  );
}

const cases: { name: string; view: KeysetView; came?: number; want: string; at: number | undefined }[] = [
  { name: 'nothing is known yet', view: NO_KEYSETS, want: 'living', at: undefined },
  { name: 'active', view: after({ a: 'ACTIVE' }), want: 'living', at: undefined },
  { name: 'demoted', view: after({ a: 'PREPARED', b: 'ACTIVE' }), want: 'living', at: undefined },
  { name: 'tainted', view: after({ a: 'ACTIVE' }, { a: 'TAINTED', b: 'ACTIVE' }), want: 'tainted', at: 6_000 },
  { name: 'first seen tainted', view: after({ a: 'TAINTED', b: 'ACTIVE' }), want: 'tainted', at: 5_000 },
  {
    name: 'another taint does not move the first',
    view: after({ a: 'TAINTED', b: 'ACTIVE' }, { a: 'TAINTED', b: 'TAINTED', c: 'ACTIVE' }),
    want: 'tainted',
    at: 5_000,
  },
  { name: 'removed', view: after({ a: 'TAINTED', b: 'ACTIVE' }, { b: 'ACTIVE' }), want: 'absent', at: -Infinity },
  { name: 'taint and removal missed', view: after({ a: 'ACTIVE' }, { b: 'ACTIVE' }), want: 'absent', at: -Infinity },
  {
    name: 'an answer that was under way when its keyset was removed',
    view: after({ a: 'ACTIVE' }, { b: 'ACTIVE' }),
    came: 2,
    want: 'absent',
    at: -Infinity,
  },
  { name: 'a keyset newer than our news', view: after({ b: 'ACTIVE' }), came: 1, want: 'living', at: undefined },
  {
    name: 'a keyset that no later news know',
    view: after({ b: 'ACTIVE' }, { b: 'ACTIVE' }),
    want: 'absent',
    at: -Infinity,
  },
];
for (const { name, view, came, want, at } of cases) {
  test(`keyset a: ${name}`, (t) => {
    const signed = { keysetId: 'a', trustVersion: came ?? 1 };
    t.is(standingOf(view, signed), want as 'living');
    t.is(forcedRenewalAt(view, signed), at);
  });
}

test('a state without deployments says nothing about keysets', (t) => {
  const view = nextKeysetView(after({ a: 'ACTIVE' }), { version: 9, deployments: [] }, 0, () => 0);
  t.is(standingOf(view, { keysetId: 'a', trustVersion: 1 }), 'living');
});

test('the wait is uniform, and ends early enough that a wave is over within the longest wait and N/20 s', (t) => {
  t.is(
    drawTaintDelay(60_000, () => 0),
    0,
  );
  t.is(
    drawTaintDelay(60_000, () => 0.5),
    29_000,
  );
  t.true(drawTaintDelay(60_000, () => 0.9999) <= 58_000);
  t.is(
    drawTaintDelay(0, () => 0.9),
    0,
  );
});
