import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { startDev, type Dev } from './start-dev.js';
import { fetchOnce, manyUsers, Workload, type Users } from './workloads.js';

// A taint under 400 identities with open streams. Needs root (many uids). The first run takes the full time of the specification,
// the others shorten the random delay by the lab switch.

const IDENTITIES = 400;
const RATE = 20;
const POLICY = `section: SVIDIssuancePolicy
schema: v1
spec:
  policy:
    pathTemplate: "/{{node_group.name}}/uid/{{linux.user.id}}"
`;

interface Scene {
  readonly dev: Dev;
  readonly users: Users;
  readonly workloads: readonly Workload[];
  keyset(...args: string[]): Promise<string>;
  end(): Promise<void>;
}

async function scene(delayMax?: string): Promise<Scene> {
  const lab = delayMax === undefined ? [] : ['--lab-taint-delay-max', delayMax];
  const dev = await startDev({ args: lab });
  const policy = join(dev.dir, 'policy.yaml');
  await writeFile(policy, POLICY);
  const set = await dev.spirlctl('config', 'set', 'cluster', '--id', dev.ready.clusterId, policy);
  if (set.code !== 0) throw new Error(set.stderr);
  const users = await manyUsers(dev.ready.workloadSocket, dev.dir, IDENTITIES);
  const workloads: Workload[] = [];
  for (const socket of users.sockets) {
    const workload = new Workload(socket);
    workloads.push(workload);
    if (workloads.length % 50 === 0) await Promise.all(workloads.map(({ ready }) => ready));
  }
  await Promise.all(workloads.map(({ ready }) => ready));
  const keyset = async (...args: string[]): Promise<string> => {
    const where = ['--trust-domain', 'example.org', '--deployment-name', 'default'];
    const { code, stdout, stderr } = await dev.spirlctl('trust-domain', 'deployment', 'keyset', ...args, ...where);
    if (code !== 0) throw new Error(`keyset ${args.join(' ')}: ${stderr}`);
    return /ks_[a-z0-9]{10}/.exec(stdout)?.[0] ?? '';
  };
  const end = async (): Promise<void> => {
    for (const workload of workloads) workload.stop();
    users.stop();
    await dev.stop();
  };
  return { dev, users, workloads, keyset, end };
}

/** prepare, activate, taint; returns the tainted keyset, the new one and when the taint was published. */
async function rotate(stage: Scene): Promise<{ old: string; next: string; taintedAt: number }> {
  const old = stage.workloads[0]?.latest?.keyset ?? '';
  const next = await stage.keyset('prepare');
  await stage.keyset('activate', next);
  await stage.keyset('taint', old);
  return { old, next, taintedAt: Date.now() };
}

/** Waits until every workload holds an SVID that `old` did not sign; gives up after `ms`. */
async function renewed(stage: Scene, old: string, ms: number): Promise<number> {
  const until = Date.now() + ms;
  const waiting = (): number => stage.workloads.filter(({ latest }) => latest?.keyset === old).length;
  while (waiting() > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
  return waiting();
}

/** The most renewals that the agent started in any one second, by its own log of each send. */
async function busiestSecond(dev: Dev, since: number): Promise<number> {
  const sent: number[] = [];
  for await (const line of createInterface({ input: createReadStream(join(dev.dir, 'agent.log')) })) {
    if (!line.includes('Renewals sent')) continue;
    const [, at, count] = /at=(\d+).*count=(\d+)/.exec(line) ?? [];
    if (at !== undefined && Number(at) >= since) for (let i = 0; i < Number(count); i++) sent.push(Number(at));
  }
  let most = 0;
  for (let first = 0, last = 0; last < sent.length; last++) {
    while ((sent[last] ?? 0) - (sent[first] ?? 0) >= 1000) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Fresh fetches by changing users until stopped; returns how they went. */
function freshFetches(stage: Scene): { stop(): Promise<{ done: number; failed: string[]; slowest: number }> } {
  const stopped = new AbortController();
  const result = { done: 0, failed: [] as string[], slowest: 0 };
  const loop = (async () => {
    for (let i = 0; !stopped.signal.aborted; i = (i + 7) % IDENTITIES) {
      const startedAt = Date.now();
      try {
        await fetchOnce(stage.users.sockets[i] ?? '');
        result.done++;
        result.slowest = Math.max(result.slowest, Date.now() - startedAt);
      } catch (error) {
        result.failed.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    stop: async () => {
      stopped.abort();
      await loop;
      return result;
    },
  };
}

function noGaps(t: ExecutionContext, stage: Scene): void {
  t.deepEqual(
    stage.workloads.flatMap(({ ends }) => ends.map(({ code, details }) => `${code} ${details}`)),
    [],
    'no stream ended',
  );
  for (const { arrivals } of stage.workloads) {
    for (const { at, notAfter } of arrivals) if (notAfter <= at) t.fail('an expired SVID was delivered');
  }
}

test.serial(
  'a taint in full time: renewed within 60 s + N/20 s, at most 20 a second, no gap, fresh fetches answered',
  async (t) => {
    t.timeout(300_000);
    const stage = await scene();
    try {
      const fetches = freshFetches(stage);
      const { old, taintedAt } = await rotate(stage);
      const limit = 60_000 + (IDENTITIES / RATE) * 1000;
      t.is(await renewed(stage, old, limit + 15_000), 0, 'some identities were not renewed');
      t.log(`renewed ${Date.now() - taintedAt} ms after the taint; the specification allows ${limit}`);
      const fresh = await fetches.stop();
      t.log(`fresh fetches meanwhile: ${fresh.done}, slowest ${fresh.slowest} ms`);
      t.deepEqual(fresh.failed, []);
      const most = await busiestSecond(stage.dev, taintedAt - 5_000);
      t.log(`busiest second: ${most} renewals started`);
      t.true(most > 0 && most <= RATE);
      noGaps(t, stage);
      t.true(
        stage.workloads.every(({ arrivals }) => new Set(arrivals.map(({ serial }) => serial)).size === 2),
        'each was renewed once',
      );
    } finally {
      await stage.end();
    }
  },
);

test.serial('the trust bundle changes every 2 s during the wave: no stream is lost', async (t) => {
  t.timeout(240_000);
  const stage = await scene('5s');
  try {
    const { old } = await rotate(stage);
    let left = IDENTITIES;
    const changes = (async () => {
      while (left > 0) {
        const spare = await stage.keyset('prepare');
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        await stage.keyset('taint', spare);
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        await stage.keyset('remove', spare);
      }
    })();
    left = await renewed(stage, old, 60_000);
    t.is(left, 0);
    await changes;
    noGaps(t, stage);
  } finally {
    await stage.end();
  }
});

test.serial('the server is killed in mid-wave: the wave goes on when it is back, and no stream ends', async (t) => {
  t.timeout(240_000);
  const stage = await scene('5s');
  try {
    const { old, taintedAt } = await rotate(stage);
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    t.true(
      stage.workloads.some(({ latest }) => latest?.keyset === old),
      'the wave was over before the kill',
    );
    process.kill(stage.dev.ready.serverPid, 'SIGKILL');
    t.is(await renewed(stage, old, 90_000), 0);
    t.log(`renewed ${Date.now() - taintedAt} ms after the taint, outage included`);
    t.true((await busiestSecond(stage.dev, taintedAt - 5_000)) <= RATE);
    noGaps(t, stage);
  } finally {
    await stage.end();
  }
});

test.serial(
  'the agent is killed in mid-wave: workloads reconnect, hold a valid SVID again, and the taint is finished',
  async (t) => {
    t.timeout(240_000);
    const stage = await scene('5s');
    try {
      const { old } = await rotate(stage);
      await new Promise((resolve) => setTimeout(resolve, 8_000));
      const killedAt = Date.now();
      process.kill(stage.dev.ready.agentPid, 'SIGKILL');
      const back = (): boolean => stage.workloads.every(({ latest }) => (latest?.at ?? 0) > killedAt);
      while (!back() && Date.now() < killedAt + 60_000) await new Promise((resolve) => setTimeout(resolve, 50));
      t.true(back(), 'not every workload came back');
      const slowest = Math.max(
        ...stage.workloads.map(({ arrivals }) => (arrivals.find(({ at }) => at > killedAt)?.at ?? 0) - killedAt),
      );
      t.log(`the last workload held a valid SVID again ${slowest} ms after the kill`);
      t.is(await renewed(stage, old, 60_000), 0);
    } finally {
      await stage.end();
    }
  },
);
