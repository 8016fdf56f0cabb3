import test from 'ava';
import { SpirlError } from '../../../src/runtime/errors.js';
import type { Ring } from '../../../server-stub/src/domain/keyset.js';
import { signingAllowedAt } from '../../../server-stub/src/keyset/signing-time.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { MemoryFileSystem, type Remains } from '../../fakes/memory-file-system.js';
import { activeId, mintCa, openDeployment, operator, requireUsable, signal, type Deployment } from './deployment.js';
import { DAY, policy } from './rings.js';

// Years of a deployment: the schedule, an operator who does anything at any time, restarts, deaths at any step on disk, power
// cuts, full disks, a key service that is away, upstreams that give short lives, clocks that stand wrong for a while.

const HOUR = DAY / 24;
const TTLS = [HOUR, DAY, policy.longestSvidTtlMs];

interface Svid {
  readonly keysetId: string;
  readonly notAfter: number;
}

/** Deterministic random numbers in [0, 1) (mulberry32), so that a failure names a seed that shows it again. */
function randomOf(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let x = Math.imul(a ^ (a >>> 15), 1 | a);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

class World {
  readonly random: () => number;
  readonly clock = new FakeClock();
  files = new MemoryFileSystem();
  deployment: Deployment | undefined;
  serviceAway = false;
  svids: Svid[] = [];
  readonly removedByOperator = new Set<string>();
  /** Keysets that agents were told of before they were activated. */
  readonly told = new Set<string>();
  readonly counts: Record<string, number> = {};
  /** The clock is set back: a process that died now would not know that it had been later. */
  clockIsBack = false;
  #stop = new AbortController();

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  chance = (probability: number): boolean => this.random() < probability;
  pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(this.random() * from.length)];
  count = (what: string): void => void (this.counts[what] = (this.counts[what] ?? 0) + 1);

  async start(): Promise<void> {
    this.#stop.abort();
    this.#stop = new AbortController();
    const upstream = {
      mintCa: (request: Parameters<typeof mintCa>[0]) => {
        if (this.serviceAway) return Promise.reject(new SpirlError('KEY_SERVICE_UNAVAILABLE', 'away'));
        const share = this.chance(0.3) ? 0.05 + this.random() * 0.9 : 1;
        return mintCa({ ...request, preferredTtlMs: request.preferredTtlMs * share }, this.clock.now());
      },
    };
    const deployment = await openDeployment({
      files: this.files,
      clock: this.clock,
      parts: { upstream },
      publisher: this,
    });
    this.deployment = deployment;
    // Agents that connect to the new process are told of everything in its ring.
    this.#tell(deployment.service.state.value.ring);
    deployment.service.state.subscribe((state) => this.#used(state.ring), this.#stop.signal);
  }

  /** The publisher: here the news arrives. */
  published(): Promise<void> {
    if (this.deployment) this.#tell(this.deployment.service.state.value.ring);
    return Promise.resolve();
  }

  #tell(ring: Ring): void {
    for (const { id } of ring.keysets) this.told.add(id);
  }

  /** Each ring that comes into use lies durably on disk and has one ACTIVE keyset, which agents know. */
  #used(ring: Ring): void {
    const active = ring.keysets.filter(({ state }) => state === 'ACTIVE');
    if (active.length !== 1) throw new Error(`${active.length} active keysets`);
    if (!this.told.has(active[0]?.id ?? '')) throw new Error('active before it was published');
    const durable = this.files.durable.get('/state/ring.json')?.synced.toString() ?? '';
    if (!durable.includes(`"revision": ${ring.revision},`)) throw new Error('used before it was persisted');
  }

  /** Runs what may fail in expected ways; a death of the process is followed by a start from what is on disk. */
  async attempt(what: string, work: (deployment: Deployment) => Promise<unknown>): Promise<void> {
    if (this.deployment === undefined) return;
    if (!this.clockIsBack && this.chance(0.1))
      this.files.crash = {
        at: this.files.steps + 1 + Math.floor(this.random() * 14),
        mode: this.pick(['before', 'after', 'torn'] as const) ?? 'after',
      };
    else if (this.chance(0.05)) this.#fillDisk();
    try {
      await work(this.deployment);
      this.count(what);
    } catch (error) {
      const died = this.files.crash !== undefined && this.files.steps >= this.files.crash.at;
      if (!died && !(error instanceof SpirlError)) throw error;
      this.count(died ? 'death' : `${what} ${(error as SpirlError).code}`);
    }
    this.files.failing = () => undefined;
    const crash = this.files.crash;
    this.files.crash = undefined;
    if (crash !== undefined && this.files.steps >= crash.at)
      await this.restart(this.pick(['killed', 'power cut', 'names only'] as const) ?? 'killed');
  }

  #fillDisk(): void {
    let left = Math.floor(this.random() * 10);
    this.files.failing = (call) =>
      call !== 'readFile' && call !== 'listDirectory' && left-- <= 0 ? 'ENOSPC' : undefined;
  }

  async restart(remains: Remains): Promise<void> {
    this.files = this.files.after(remains);
    this.serviceAway = false;
    await this.start();
    this.count('restart');
  }

  issue(): void {
    if (this.deployment === undefined) return;
    const { ring } = this.deployment.service.state.value;
    const now = this.clock.now();
    const keyset = ring.keysets.find(({ state }) => state === 'ACTIVE');
    if (keyset === undefined || !signingAllowedAt(ring, now) || keyset.expiresAt <= now) return;
    const notAfter = Math.min(now + (this.pick(TTLS) ?? DAY), keyset.expiresAt);
    this.svids.push({ keysetId: keyset.id, notAfter });
  }

  /** Every SVID that has not ended verifies, unless an operator removed its keyset. */
  check(seed: number): void {
    if (this.deployment === undefined) return;
    const { ring } = this.deployment.service.state.value;
    const living = new Set(ring.keysets.map(({ id }) => id));
    this.svids = this.svids.filter(({ notAfter }) => notAfter > this.clock.now());
    const lost = this.svids.find(({ keysetId }) => !living.has(keysetId) && !this.removedByOperator.has(keysetId));
    if (lost) throw new Error(`seed ${seed}: an SVID of ${lost.keysetId} can no longer be verified`);
    if (ring.keysets.filter(({ state }) => state === 'ACTIVE').length !== 1)
      throw new Error(`seed ${seed}: not one active`);
    if (ring.keysets.length > 16) throw new Error(`seed ${seed}: ${ring.keysets.length} keysets`);
  }
}

async function command(world: World): Promise<void> {
  const { service } = world.deployment ?? {};
  if (service === undefined) return;
  const { ring } = service.state.value;
  // Operators mostly know what they do, and sometimes do anything.
  const id = (world.chance(0.1) ? world.pick(ring.tombstones) : world.pick(ring.keysets))?.id ?? 'ks_0000000000';
  const what = world.pick(['prepare', 'activate', 'activate', 'taint', 'remove'] as const);
  switch (what) {
    case 'prepare':
      if (ring.keysets.length < 12) await world.attempt('prepare', (d) => d.service.prepare(operator, signal));
      return;
    case 'remove':
      if (ring.keysets.some((k) => k.id === id && k.state === 'TAINTED')) world.removedByOperator.add(id);
      return world.attempt('remove', (d) => d.service.remove(id, operator, signal));
    case 'activate':
    case 'taint':
      return world.attempt(what, (d) => d.service[what](id, operator, signal));
    case undefined:
  }
}

/** Time passes, mostly in the steps of a schedule that is asked often, at times as over a weekend of a stopped server. */
async function passTime(world: World): Promise<void> {
  if (world.chance(0.01)) {
    // The clock is set back, the server goes on, then the clock is right again.
    const back = Math.floor(world.random() * 3 * DAY);
    world.clock.jump(-back);
    world.clockIsBack = true;
    await command(world);
    await world.attempt('rotate', (d) => d.service.rotate(signal));
    world.issue();
    world.clock.jump(back);
    world.clockIsBack = false;
  }
  const outage = world.chance(0.005);
  world.clock.jump(outage ? world.random() * 60 * DAY : world.random() * 12 * HOUR);
}

async function live(seed: number, years: number): Promise<Record<string, number>> {
  const world = new World(seed);
  await world.start();
  const end = world.clock.now() + years * 365 * DAY;
  while (world.clock.now() < end) {
    await passTime(world);
    if (world.chance(0.02)) world.serviceAway = !world.serviceAway;
    if (world.chance(0.03)) await command(world);
    if (world.chance(0.01)) await world.restart('killed');
    const { service } = world.deployment ?? {};
    for (let more = true; more && service === world.deployment?.service;) {
      more = false;
      await world.attempt('rotate', async (d) => (more = await d.service.rotate(signal)));
    }
    if (world.chance(0.3)) world.issue();
    world.check(seed);
  }
  await world.restart('power cut');
  if (world.deployment) requireUsable(world.deployment.service.state.value);
  return world.counts;
}

const SEEDS = [1, 2, 3, 4];
test('over years, whatever operators, disks, clocks and key services do: one active keyset, and no SVID is lost', async (t) => {
  const total: Record<string, number> = {};
  for (const seed of SEEDS) {
    const counts = await live(seed, 3);
    for (const [what, count] of Object.entries(counts)) total[what] = (total[what] ?? 0) + count;
  }
  t.log(JSON.stringify(total));
  for (const what of [
    'prepare',
    'activate',
    'taint',
    'remove',
    'rotate',
    'death',
    'restart',
    'rotate KEY_SERVICE_UNAVAILABLE',
  ]) {
    t.true((total[what] ?? 0) > 0, `${what} was never tried`);
  }
});

test('left alone for five years the schedule rotates in time, and nothing is ever signed by less than what is left of it', async (t) => {
  const clock = new FakeClock();
  const { service } = await openDeployment({ clock });
  const end = clock.now() + 5 * 365 * DAY;
  const actives = new Set<string>();
  while (clock.now() < end) {
    clock.jump(3 * HOUR);
    while (await service.rotate(signal));
    const { ring } = service.state.value;
    actives.add(activeId(service.state.value));
    const active = ring.keysets.find(({ state }) => state === 'ACTIVE');
    // Activated 7 days before the predecessor's end at the latest, so that even the longest SVID is never cut short.
    t.true((active?.expiresAt ?? 0) - clock.now() >= 7 * DAY - 6 * HOUR);
    if (ring.keysets.length > 3) t.fail(`${ring.keysets.length} keysets`);
  }
  t.is(actives.size, 1 + Math.ceil((5 * 365 - 83) / 76));
});
