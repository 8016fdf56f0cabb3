import test from 'ava';
import type { BundleSet } from '../../src/svid/trust-bundles.js';
import { Stage } from './stage.js';

const OTHER = {
  trustDomain: 'other.org',
  sequence: 1,
  refreshHintSeconds: 60,
  x509Authorities: [],
  jwtAuthorities: [],
};

test('each change of a bundle is logged once and published as a snapshot; a removal too', async (t) => {
  const stage = new Stage();
  const seen: BundleSet[] = [];
  stage.room.bundles.latest.subscribe((set) => seen.push(set), stage.signal);
  stage.server.federated = [OTHER];
  stage.server.publish();
  const updates = (): unknown[] => stage.messages('Bundle added or updated').map(({ fields }) => fields['trustDomain']);
  t.deepEqual(updates(), ['example.org', 'other.org']);
  t.deepEqual(
    seen.at(-1)?.bundles.map(({ trustDomain }) => trustDomain),
    ['example.org', 'other.org'],
  );
  stage.server.federated = [];
  stage.server.publish();
  t.deepEqual(
    stage.messages('Bundle removed').map(({ logger, fields }) => [logger, fields['trustDomain']]),
    [['agent.bundleRefresher', 'other.org']],
  );
  t.is(seen.at(-1)?.bundles.length, 1);
  t.deepEqual(
    seen.map(({ version }) => version),
    [0, 1, 2],
  );
  await stage.stop();
});

test('a state that changes no authority is no new snapshot, but a taint is logged', async (t) => {
  const stage = new Stage();
  stage.server.keysets.set('ks_b', 'PREPARED');
  stage.server.publish();
  const { latest } = stage.room.bundles;
  const before = latest.value;
  const logged = stage.lines.length;
  stage.server.keysets = new Map([...stage.server.keysets, ['ks_b', 'TAINTED']]);
  stage.server.publish();
  t.is(latest.value, before);
  t.is(stage.lines.slice(logged).filter(({ message }) => message === 'Bundle added or updated').length, 1);
  await stage.stop();
});
