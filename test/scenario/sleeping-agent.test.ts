import test from 'ava';
import { startDev } from './start-dev.js';
import { Workload } from './workloads.js';

// An agent that was away from prepare to remove.

test('an agent that slept from prepare to remove renews at once when it wakes, and its stream never ends', async (t) => {
  const dev = await startDev();
  const workload = new Workload(dev.ready.workloadSocket);
  const keyset = async (...args: string[]): Promise<string> => {
    const where = ['--trust-domain', 'example.org', '--deployment-name', 'default'];
    const { code, stdout, stderr } = await dev.spirlctl('trust-domain', 'deployment', 'keyset', ...args, ...where);
    if (code !== 0) throw new Error(stderr);
    return /ks_[a-z0-9]{10}/.exec(stdout)?.[0] ?? '';
  };
  try {
    await workload.ready;
    const old = workload.latest?.keyset ?? '';
    process.kill(dev.ready.agentPid, 'SIGSTOP');
    const next = await keyset('prepare');
    await keyset('activate', next);
    await keyset('taint', old);
    await keyset('remove', old);
    process.kill(dev.ready.agentPid, 'SIGCONT');
    const wokenAt = Date.now();
    while (workload.latest?.keyset !== next && Date.now() < wokenAt + 60_000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    t.is(workload.latest?.keyset, next);
    t.log(`renewed ${Date.now() - wokenAt} ms after waking`);
    t.deepEqual(workload.ends, []);
  } finally {
    workload.stop();
    await dev.stop();
  }
});
