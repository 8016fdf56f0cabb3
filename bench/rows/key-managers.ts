import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsKms } from '../key-services/aws-kms.js';
import { azureKeyVault } from '../key-services/azure-key-vault.js';
import type { KeyService, KeyServiceKind } from '../key-services/key-service.js';
import { softHsm, softTpm } from '../key-services/pkcs11.js';
import { farWebhook, fastWebhook, serialWebhook } from '../key-services/webhook.js';
import type { BareSigner } from '../load/bare-signer.js';
import type { KeyManagerSigner } from '../load/key-manager-signer.js';
import type { MintingAgent } from '../load/minting-agent.js';
import { goesWithRun } from '../rig/leftovers.js';
import { LoadProcess } from '../rig/load-process.js';
import { scrape } from '../rig/scrape.js';
import { TrustDomain } from '../rig/trust-domain.js';
import { cpuSeconds } from '../rig/usage.js';
import { inRounds, ratiosOf } from '../rounds.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';

/** There on every machine. */
const WEBHOOKS: readonly KeyServiceKind[] = [serialWebhook, farWebhook, fastWebhook];
const KINDS: readonly KeyServiceKind[] = [awsKms, azureKeyVault, ...WEBHOOKS, softHsm, softTpm];
/** Calls of an agent under way; each has as many SVIDs as the service's kind says, so that the queue never runs dry. */
const AGENT_CALLS = 8;
const ROUNDS = 5;
const OK = 'status_code="OK"';
/** The clients of the clouds take some thousand signatures until they are compiled. */
const WARM_UP_MS = 4_000;

interface Sample {
  readonly perSecond: number;
  readonly p50: number;
  /** Of the process under test, microseconds per signature. */
  readonly cpu: number;
}

/** The three ways to a signature of one service, each in a process of its own. */
class Ways {
  readonly bare: LoadProcess<BareSigner>;
  readonly module: LoadProcess<KeyManagerSigner>;
  readonly domain: TrustDomain;
  readonly agent: LoadProcess<MintingAgent>;
  readonly #kind: KeyServiceKind;

  private constructor(kind: KeyServiceKind, ways: Pick<Ways, 'bare' | 'module' | 'domain' | 'agent'>) {
    this.#kind = kind;
    this.bare = ways.bare;
    this.module = ways.module;
    this.domain = ways.domain;
    this.agent = ways.agent;
  }

  static async open(kind: KeyServiceKind, service: KeyService, effort: Effort): Promise<Ways> {
    const { env, extension, declared } = service;
    const bare = new LoadProcess<BareSigner>('load/bare-signer.js', { env });
    const module = new LoadProcess<KeyManagerSigner>('load/key-manager-signer.js', { env });
    const agent = new LoadProcess<MintingAgent>('load/minting-agent.js');
    const managedConfig = [{ section: 'KeyManager', schema: 'v1', spec: { extensions: extension } }];
    const config = { extensions: declared, managedConfig };
    let domain: TrustDomain | undefined;
    try {
      // One after the other: a token's store has one writer at a time.
      await bare.do('prepare', service.bare);
      await module.do('prepare', { extension, declared });
      domain = await TrustDomain.start(effort.profiling, { config, env });
      await agent.do('login', { ...domain.agentAccess(), stateDir: join(domain.dir, 'load') });
      const ways = new Ways(kind, { bare, module, domain, agent });
      if (effort.quick) return ways;
      await ways.sampleModule(WARM_UP_MS);
      await ways.sampleWire(WARM_UP_MS);
      return ways;
    } catch (error) {
      await Promise.allSettled([bare, module, agent].map((load) => load.stop()));
      await domain?.stop();
      throw error;
    }
  }

  async sampleBare(ms: number): Promise<Sample> {
    const { count, seconds, p50 } = await this.bare.do('sign', this.#kind.inFlight, ms);
    return { perSecond: count / seconds, p50, cpu: NaN };
  }

  async sampleModule(ms: number): Promise<Sample> {
    const before = cpuSeconds(this.module.pid);
    // Twice as many as go to the service, so that it never waits for us.
    const { count, seconds, p50 } = await this.module.do('sign', this.#kind.inFlight * 2, ms);
    return { perSecond: count / seconds, p50, cpu: ((cpuSeconds(this.module.pid) - before) / count) * 1e6 };
  }

  async sampleWire(ms: number): Promise<Sample> {
    const { server } = this.domain;
    const before = { cpu: cpuSeconds(server.pid), issued: await this.#issued() };
    const { seconds, p50 } = await this.agent.do('mint', 'x509', this.#kind.batch, AGENT_CALLS, ms);
    const cpu = cpuSeconds(server.pid) - before.cpu;
    // What is refused because the service is too slow comes back at once, and is no SVID.
    const issued = (await this.#issued()) - before.issued;
    return { perSecond: issued / seconds, p50, cpu: (cpu / issued) * 1e6 };
  }

  async #issued(): Promise<number> {
    const minted = (await scrape(this.domain.server)).samples('spirl_server_mint_svid_total');
    return minted.reduce((sum, { labels, value }) => sum + (labels.includes(OK) ? value : 0), 0);
  }

  /** Throws when an SVID was not issued: what fails fast must not count as done. */
  async check(): Promise<void> {
    const minted = (await scrape(this.domain.server)).samples('spirl_server_mint_svid_total');
    const failed = minted.filter(({ labels, value }) => value > 0 && !labels.includes(OK));
    if (minted.length > 0 && failed.length === 0) return;
    throw new Error(`${this.#kind.name}: not all SVIDs were issued: ${failed.map(({ labels }) => labels).join('; ')}`);
  }

  async close(): Promise<void> {
    await Promise.all([this.bare.stop(), this.module.stop(), this.agent.stop()]);
    await this.domain.stop();
  }
}

/** A service with the ways to it, ready to be measured. */
interface OpenKind {
  readonly kind: KeyServiceKind;
  readonly ways: Ways;
  close(): Promise<void>;
}

async function openKind(kind: KeyServiceKind, effort: Effort): Promise<OpenKind> {
  const dir = mkdtempSync(join(tmpdir(), 'spirl-bench-keys-'));
  goesWithRun(dir);
  const service = await kind.start(dir);
  const stop = async (): Promise<void> => {
    await service.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const ways = await Ways.open(kind, service, effort);
    const close = async (): Promise<void> => {
      await ways.close();
      await stop();
    };
    return { kind, ways, close };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function measureKind({ kind, ways }: OpenKind, effort: Effort): Promise<readonly Figure[]> {
  const samples = await inRounds(
    {
      bare: (ms) => ways.sampleBare(ms),
      module: (ms) => ways.sampleModule(ms),
      wire: (ms) => ways.sampleWire(ms),
    },
    {
      ...effort,
      rounds: Math.min(ROUNDS, effort.rounds),
      progress: (text) => effort.progress(`${kind.name}, ${text}`),
    },
  );
  await ways.check();
  return [
    figureOf(`${kind.name}: through the key manager`, kind, samples.module, samples.bare),
    figureOf(`${kind.name}: X.509-SVIDs over the wire`, kind, samples.wire, samples.bare),
  ];
}

/** Opens all of `kinds` side by side, then measures one after the other. */
async function measureTogether(kinds: readonly KeyServiceKind[], effort: Effort): Promise<readonly Figure[]> {
  effort.progress(`starting ${kinds.map(({ name }) => name).join('; ')}`);
  const opened = await Promise.allSettled(kinds.map((kind) => openKind(kind, effort)));
  const open = opened.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  try {
    for (const one of opened) if (one.status === 'rejected') throw one.reason;
    const figures: Figure[] = [];
    for (const one of open) figures.push(...(await measureKind(one, effort)));
    return figures;
  } finally {
    await Promise.all(open.map((one) => one.close()));
  }
}

function figureOf(name: string, { share }: KeyServiceKind, own: readonly Sample[], bare: readonly Sample[]): Figure {
  const median = (samples: readonly Sample[], field: keyof Sample): number =>
    spreadOf(samples.map((sample) => sample[field])).median;
  return {
    name,
    ratios: ratiosOf(own, bare, 'perSecond'),
    ...(share !== undefined && { target: { is: 'at least' as const, value: share } }),
    absolute: {
      'per second': median(own, 'perSecond').toFixed(0),
      'bare per second': median(bare, 'perSecond').toFixed(0),
      'CPU per signature': `${median(own, 'cpu').toFixed(0)} us`,
    },
  };
}

export const keyManagersRow: Row = {
  id: 'K1',
  work: 'signatures per second through each key manager: in process with verification; as X.509-SVIDs over mTLS',
  anchor: 'the same service asked by a bare client in a loop, as many calls under way',
  missing: ({ quick }) =>
    (quick ? WEBHOOKS : KINDS).flatMap(({ name, missing }) => {
      const how = missing();
      return how === undefined ? [] : [`${name}: ${how}`];
    }),
  measure: async (effort) => {
    if (effort.quick) return measureTogether(WEBHOOKS, effort);
    const kinds = KINDS.filter(({ missing }) => missing() === undefined);
    const figures: Figure[] = [];
    for (const kind of kinds) figures.push(...(await measureTogether([kind], effort)));
    return figures;
  },
};
