import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { fetchOnce } from '../../scenario/workloads.js';
import { CUSTODIES } from './custodies.js';
import { LabDeployment } from './lab-deployment.js';
import { Cleanup, startLab, type Lab, type Provided } from './lab.js';
import { UPSTREAMS } from './upstreams.js';

// One deployment moves from custody to custody and from chain to chain while it serves. Nothing restarts.

let lab: Lab;
const cleanup = new Cleanup();
test.before(async () => {
  lab = await startLab();
});
test.after.always(async () => {
  await cleanup.all();
  await lab.stop();
});

/** Another workload, on a new connection each time, until `stop`; answers how often it was served. Throws for one failure. */
function keepAsking(socket: string): { stop(): Promise<number> } {
  let asking = true;
  const asked = (async () => {
    let served = 0;
    for (; asking; served++) {
      await fetchOnce(socket);
      await delay(250);
    }
    return served;
  })();
  // It is looked at when the test stops it.
  asked.catch(() => {});
  return {
    stop: () => {
      asking = false;
      return asked;
    },
  };
}

interface Move {
  readonly to: string;
  readonly section: 'KeyManager' | 'UpstreamAuthority';
  readonly provider?: Provided;
}

async function migrate(t: ExecutionContext, deployment: LabDeployment, moves: readonly Move[]): Promise<void> {
  await deployment.start();
  await deployment.startAgent();
  await deployment.verify();
  const other = keepAsking(`${deployment.dir}/agent.sock`);
  const keysets = new Set([await deployment.activeId()]);
  for (const { to, section, provider } of moves) {
    await deployment.configure(section, provider?.extension ?? {});
    keysets.add(await deployment.rotate());
    t.is((await deployment.jwt()).code, 0, to);
  }
  t.is(keysets.size, moves.length + 1);
  t.true((await other.stop()) > moves.length);
  deployment.requireNoGap();
  t.deepEqual(
    [...new Set(deployment.workload.arrivals.map(({ keyset }) => keyset))],
    [...keysets],
    'the stream saw every keyset, in order',
  );
  lab.secrets.check();
}

test.serial('sealed to AWS KMS to PKCS#11 to sealed, live and without a gap', async (t) => {
  t.timeout(180_000);
  const [kms, token] = [await CUSTODIES.awsKMS(lab, cleanup), await CUSTODIES.pkcs11(lab, cleanup)];
  const deployment = await LabDeployment.make(lab, cleanup, [kms, token]);
  await migrate(t, deployment, [
    { to: 'AWS KMS', section: 'KeyManager', provider: kms },
    { to: 'PKCS#11', section: 'KeyManager', provider: token },
    { to: 'sealed', section: 'KeyManager' },
  ]);
  // Neither service is needed any more, not even for a start.
  await kms.down();
  await token.down();
  const before = await deployment.keys();
  await deployment.kill();
  await deployment.start();
  t.deepEqual(await deployment.keys(), before);
  await deployment.jwtAgain();
});

test.serial('self-signed to AWS Private CA to self-signed, live and without a gap', async (t) => {
  t.timeout(180_000);
  const pca = await UPSTREAMS.awsPca(lab, cleanup);
  const deployment = await LabDeployment.make(lab, cleanup, [pca]);
  await migrate(t, deployment, [
    { to: 'AWS Private CA', section: 'UpstreamAuthority', provider: pca },
    { to: 'self-signed', section: 'UpstreamAuthority' },
  ]);
});
