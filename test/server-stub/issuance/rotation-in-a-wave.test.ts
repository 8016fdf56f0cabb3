import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { Latest } from '../../../src/runtime/latest.js';
import { callerOf } from '../../fakes/svid-caller.js';
import { forever, sharedKey } from '../signer/signing-keys.js';
import { openThreadMinter } from '../signer/thread-minter.js';
import { issuanceOver, keysetOf, session, stateOf } from './issuance-of.js';

const item = { attributes: { 'linux.user.name': ['alice'] }, renewal: true };
const WAVE = 600;

test('from the publication of a ring on, nothing of the keyset before leaves, in the middle of a wave on worker threads', async (t) => {
  const { minter, end } = await openThreadMinter(() => t.fail('a worker failed'));
  const [oldKey, newKey] = [sharedKey(), sharedKey()];
  const [old, next] = [
    await keysetOf('ks_aaaaaaaaaa', oldKey, 'ACTIVE'),
    await keysetOf('ks_bbbbbbbbbb', newKey, 'ACTIVE'),
  ];
  const ring = new Latest(stateOf(1, [[old, oldKey]]));
  const { issueX509Svid, keysets } = issuanceOver(ring, undefined, undefined, minter);
  ring.subscribe(() => keysets.changed(), forever);

  let published = false;
  const issued = { before: 0, after: 0 };
  const wave = Array.from({ length: WAVE }, async () => {
    const svid = await issueX509Svid(session, item, callerOf(forever));
    const [leaf, ca] = svid.chain.slice(0, 2).map((der) => new X509Certificate(der));
    if (leaf === undefined || ca === undefined) throw new Error('no chain');
    t.true(leaf.verify(ca.publicKey) && leaf.checkIssued(ca));
    if (published) {
      issued.after++;
      t.is(svid.keysetId, next.id);
      t.deepEqual(svid.chain[1], next.caCertificate);
    } else {
      issued.before++;
      t.is(svid.keysetId, old.id);
    }
  });
  while (issued.before < WAVE / 6) await new Promise((resolve) => setImmediate(resolve));
  ring.publish(
    stateOf(2, [
      [next, newKey],
      [{ ...old, state: 'PREPARED' }, oldKey],
    ]),
  );
  published = true;
  await Promise.all(wave);
  t.is(issued.before + issued.after, WAVE);
  t.true(issued.after > 0, 'the switch was in the middle');
  await end();
});
