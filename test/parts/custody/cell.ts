import { status } from '@grpc/grpc-js';
import { CUSTODY_TITLES, type Cell } from './cells.js';
import { CUSTODIES } from './custodies.js';
import { demand, LabDeployment, sectionOf } from './lab-deployment.js';
import { Cleanup, type Lab } from './lab.js';
import { UPSTREAMS } from './upstreams.js';

/** What was seen, for the table. */
export interface CellReport {
  /** How long until the first new SVID after the outage, milliseconds; absent: nobody was without. */
  readonly recoveredMs?: number;
  readonly seconds: number;
}

/** The life of one combination. Throws with the first sentence that does not hold. */
export async function runCell(cell: Cell, lab: Lab): Promise<CellReport> {
  const begun = Date.now();
  const cleanup = new Cleanup();
  try {
    const recoveredMs = await live(cell, lab, cleanup);
    return { seconds: (Date.now() - begun) / 1000, ...(recoveredMs !== undefined && { recoveredMs }) };
  } finally {
    await cleanup.all();
  }
}

async function live(cell: Cell, lab: Lab, cleanup: Cleanup): Promise<number | undefined> {
  const keys = await CUSTODIES[cell.custody](lab, cleanup);
  const chain = await UPSTREAMS[cell.upstream](lab, cleanup);
  const remote = CUSTODY_TITLES[cell.custody].axis === 'key manager';
  const sections = [
    ...(keys.extension === undefined ? [] : [sectionOf('KeyManager', keys.extension)]),
    ...(chain.extension === undefined ? [] : [sectionOf('UpstreamAuthority', chain.extension)]),
  ];
  const deployment = await LabDeployment.make(lab, cleanup, [keys, chain], sections);

  await deployment.start();
  await deployment.startAgent();
  await deployment.verify();
  await deployment.rotate();
  const shared = chain.extension !== undefined;
  demand(
    deployment.saidAtRemoval.includes('verify until they end') === shared,
    `remove, root ${shared ? 'shared' : 'its own'}: ${deployment.saidAtRemoval}`,
  );
  await deployment.inspect();

  // kill -9: the same keysets with the same keys sign again.
  const before = await deployment.keys();
  await deployment.kill();
  await deployment.start();
  const after = await deployment.keys();
  demand(
    JSON.stringify(after) === JSON.stringify(before),
    `after kill -9: ${JSON.stringify(after)}, not ${JSON.stringify(before)}`,
  );
  await deployment.jwtAgain();
  await requireX509(deployment, 'daemon');

  // Outages: of the upstream nobody notices, of the keys' service as the custody states.
  if (chain.extension !== undefined) {
    await chain.down();
    await requireGoesOn(deployment, 'bin');
    await requireRefusedRotation(deployment);
  }
  await keys.down();
  if (remote) await requireStandsStill(deployment);
  else await requireGoesOn(deployment, 'sys');
  await keys.up();
  const recoveredMs = remote ? await deployment.jwtAgain() : undefined;
  await requireX509(deployment, 'games');
  deployment.requireNoGap();
  demand(JSON.stringify(await deployment.keys()) === JSON.stringify(before), 'the outage changed the ring');
  return recoveredMs;
}

async function requireX509(deployment: LabDeployment, user: Parameters<LabDeployment['x509As']>[0]): Promise<void> {
  const { code, stderr } = await deployment.x509As(user);
  demand(code === 0, `X.509-SVID for ${user}: ${stderr}`);
}

async function requireGoesOn(deployment: LabDeployment, user: 'bin' | 'sys'): Promise<void> {
  const jwt = await deployment.jwt();
  demand(jwt.code === 0, `JWT-SVID during the outage: ${jwt.stderr}`);
  await requireX509(deployment, user);
}

/** New SVIDs fail, with a sentence that says so; who has one keeps it. */
async function requireStandsStill(deployment: LabDeployment): Promise<void> {
  for (const answer of [await deployment.jwt(), await deployment.x509As('man')]) {
    demand(answer.code !== 0, 'an SVID was signed with the service away');
    demand(/no SVID can be issued at the moment: .* is reached, but cannot sign/.test(answer.stderr), answer.stderr);
  }
  demand((await deployment.jwtStatus()) === status.UNAVAILABLE, 'the refusal is not UNAVAILABLE');
  deployment.requireNoGap();
}

async function requireRefusedRotation(deployment: LabDeployment): Promise<void> {
  const before = JSON.stringify(await deployment.keys());
  const { code, stderr } = await deployment.keyset('prepare');
  demand(code === 1 && /^Error: /m.test(stderr), `prepare without an upstream: ${code} ${stderr}`);
  demand(JSON.stringify(await deployment.keys()) === before, 'a failed prepare left something in the ring');
}
