import test, { type ExecutionContext } from 'ava';
import { named, seeded, Stage, type FakeStream } from './stage.js';

// Random lives of one agent in virtual time. What must hold whatever happens is checked at every step.

const SECOND = 1_000;
const HOUR = 3_600_000;
const IDENTITIES = 120;
/** Every wait after a taint, because the same number is drawn each time. */
const WAIT_MS = 29 * SECOND;

class Life {
  readonly #t: ExecutionContext;
  readonly #random: () => number;
  stage = new Stage({}, { always: 0.5 });
  streams: FakeStream[] = [];
  #names = 0;
  #keysets = 0;
  #generation = 0;
  readonly #taintedAt = new Map<string, number>();
  #tooEarly = 0;

  constructor(t: ExecutionContext, seed: number) {
    this.#t = t;
    this.#random = seeded(seed);
    const { server } = this.stage;
    server.path = ({ name, group }) =>
      `${name?.[0] ?? ''}/${group === undefined ? `v${this.#generation}` : `g${group[0] ?? ''}`}`;
    server.onRenewal = (attributes) => this.#renewalSent(attributes);
    server.publish();
  }

  async live(steps: number): Promise<void> {
    for (let i = 0; i < IDENTITIES; i++) this.#open();
    await this.stage.clock.advance(SECOND);
    for (let step = 0; step < steps; step++) {
      await this.#step();
      await this.stage.clock.advance(50 + Math.floor(this.#random() ** 2 * 25 * SECOND));
      this.#check();
    }
    await this.#settle();
  }

  async #step(): Promise<void> {
    const { server } = this.stage;
    const steps: (() => void | Promise<void>)[] = [
      () => this.#taint(),
      () => this.#taint(),
      () => this.#remove(),
      () => {
        server.extraAuthorities++;
        server.publish();
      },
      () => this.#outage(),
      () => this.#restart(),
      () => this.#policy(),
      () => {
        for (let i = 0; i < 5; i++) this.#open();
      },
      () => this.streams.splice(Math.floor(this.#random() * this.streams.length), 1)[0]?.close(),
    ];
    await steps[Math.floor(this.#random() * steps.length)]?.();
  }

  #open(): void {
    const name = this.#random() < 0.2 ? `w${Math.floor(this.#random() * this.#names)}` : `w${this.#names++}`;
    this.streams.push(this.stage.stream(named(name, { group: [String(this.#names % 3)] })));
  }

  #taint(): void {
    const { server, clock } = this.stage;
    this.#taintedAt.set(server.rotate(`ks_${this.#keysets++}`), clock.monotonic());
  }

  #remove(): void {
    const { server } = this.stage;
    const tainted = [...server.keysets].find(([, state]) => state === 'TAINTED')?.[0];
    if (tainted !== undefined) server.keysets.delete(tainted);
    server.publish();
  }

  async #outage(): Promise<void> {
    const { server, clock } = this.stage;
    await clock.advance(SECOND);
    server.away = true;
    // Not heard of until the server is back.
    if (this.#random() < 0.5) this.#taint();
    await clock.advance(Math.floor(this.#random() * 60 * SECOND));
    server.away = false;
    for (const keyset of server.keysets.keys()) {
      if (server.keysets.get(keyset) === 'TAINTED') this.#taintedAt.set(keyset, this.#taintedAt.get(keyset) ?? 0);
    }
    server.publish();
  }

  async #restart(): Promise<void> {
    this.#measure();
    const { server } = this.stage;
    const before = this.streams;
    await this.stage.stop();
    server.sent = [];
    server.acks = [];
    this.stage = new Stage({}, { always: 0.5 }, this.stage);
    this.streams = before.map(({ attributes }) => this.stage.stream(attributes));
    await this.stage.clock.advance(SECOND);
  }

  #policy(): void {
    const { server } = this.stage;
    server.policyVersion++;
    const kind = this.#random();
    if (kind < 0.3) server.reads = server.reads.length === 1 ? ['name', 'group'] : ['name'];
    else if (kind < 0.6) this.#generation++;
    server.publish();
  }

  /** Nothing is due by its lifetime in these lives: a renewal has a taint, a removal or a policy as its reason. */
  #renewalSent(asked: FakeStream['attributes']): void {
    const { server, clock } = this.stage;
    const reads = Object.keys(asked);
    const text = JSON.stringify(asked);
    const svid = this.streams.find(({ attributes }) => JSON.stringify(projected(attributes, reads)) === text)?.svid;
    const keysetId = svid?.keysetId ?? '';
    const outdated = svid?.spiffeId.path !== `/${server.path(asked) ?? ''}`;
    const since = clock.monotonic() - (this.#taintedAt.get(keysetId) ?? 0);
    if (server.keysets.get(keysetId) === 'TAINTED' && !outdated && since < WAIT_MS) this.#tooEarly++;
  }

  #check(): void {
    const now = this.stage.clock.now();
    this.#t.is(this.#tooEarly, 0, 'a renewal before its delay');
    for (const { end, contexts, svid, attributes } of this.streams) {
      if (end !== undefined || contexts.length === 0 || svid === undefined || svid.notAfter <= now) {
        this.#t.fail(`a stream of ${attributes['name']?.[0] ?? ''} ended with ${end}, holds ${svid?.serial}`);
      }
      const name = attributes['name']?.[0] ?? '';
      const group = attributes['group']?.[0] ?? '';
      const foreign = contexts
        .flatMap(({ svids }) => svids)
        .find(({ spiffeId: { path } }) => !isOwn(path, name, group));
      if (foreign !== undefined) this.#t.fail(`${name} of group ${group} was shown ${foreign.spiffeId.path}`);
    }
    const versions = this.stage.server.acks.map(({ version }) => version);
    this.#t.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
      'acknowledgements go forward',
    );
  }

  #measure(): void {
    this.#t.true(this.stage.server.busiestSecond <= 20, `${this.stage.server.busiestSecond} renewals in one second`);
  }

  async #settle(): Promise<void> {
    const { server, clock, room } = this.stage;
    server.publish();
    await clock.advance(60 * SECOND + (this.streams.length / 20) * SECOND + 10 * SECOND);
    this.#check();
    this.#measure();
    const state = server.trust.value;
    for (const { svid, latest, attributes } of this.streams) {
      this.#t.true(['ACTIVE', 'PREPARED'].includes(server.keysets.get(svid?.keysetId ?? '') ?? 'absent'));
      this.#t.is(latest?.bundle.x509Authorities.length, state.bundles[0]?.x509Authorities.length);
      this.#t.is(svid?.spiffeId.path, `/${server.path(projected(attributes, server.reads)) ?? ''}`);
    }
    this.#t.deepEqual(server.acks.at(-1)?.counts, room.x509.svidsPerKeyset());
    this.#t.is(server.acks.at(-1)?.version, state.version);
    await this.stage.stop();
  }
}

/** What a policy of these lives may decide for a workload: its name, and its own group or the policy's generation. */
function isOwn(path: string, name: string, group: string): boolean {
  return path === `/${name}/g${group}` || path.startsWith(`/${name}/v`);
}

function projected(attributes: FakeStream['attributes'], reads: readonly string[]): FakeStream['attributes'] {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => reads.includes(name)));
}

for (const seed of [1, 2, 3, 4]) {
  test(`life ${seed}: at most 20 a second, none too early, every stream always holds its own valid SVID`, async (t) => {
    await new Life(t, seed).live(30);
  });
}

test('three days of a quiet agent: every identity is renewed twice a day and nothing else happens', async (t) => {
  const stage = new Stage();
  stage.server.publish();
  const streams = await stage.streams(5);
  for (let day = 0; day < 3; day++) await stage.clock.advance(24 * HOUR);
  for (const { contexts, end } of streams) {
    t.is(end, undefined);
    t.true(contexts.length >= 6 && contexts.length <= 8, `${contexts.length}`);
  }
  await stage.stop();
});
