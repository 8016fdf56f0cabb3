import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminListener } from '../../../server-stub/src/api/admin-listener.js';
import { bundleEndpoint } from '../../../server-stub/src/api/bundle-endpoint.js';
import { clusterAdmin } from '../../../server-stub/src/api/cluster-admin.js';
import { configAdmin } from '../../../server-stub/src/api/config-admin.js';
import { keysetAdmin, type Keysets } from '../../../server-stub/src/api/keyset-admin.js';
import { runSpirlctl } from '../../../server-stub/cli/spirlctl.js';
import type { Terminal } from '../../../server-stub/cli/terminal.js';
import { ClusterRegistry } from '../../../server-stub/src/clusters/cluster-registry.js';
import { ManagedConfig } from '../../../server-stub/src/config/managed-config.js';
import { sectionTypes } from '../../../server-stub/src/config/managed-section-types.js';
import type { Keyset, Ring, SigningState } from '../../../server-stub/src/domain/keyset.js';
import { bundleOf } from '../../../server-stub/src/keyset/bundle-of.js';
import { policyProblems } from '../../../server-stub/src/policy/compile-policy.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import { MemoryRecordStore } from '../../fakes/memory-record-store.js';
import { TestAuthority } from '../../fakes/test-authority.js';
import { FakeClock } from '../../fakes/fake-clock.js';

export const TRUST_DOMAIN = 'example.org';
export const DEPLOYMENT_ID = 'tdd-0123456789';

/** Keysets that answer what a test tells them to. */
export class FakeKeysets implements Keysets {
  readonly state: { value: { version: number; ring: Ring; keys: SigningState['keys'] } };
  underWay: string | undefined;
  /** What was asked, by whom. */
  readonly calls: string[] = [];
  answer: () => Promise<{ unchanged: boolean }> = () => Promise.resolve({ unchanged: false });
  readonly activate = this.#step('activate');
  readonly taint = this.#step('taint');
  readonly remove = this.#step('remove');

  constructor(ring: Ring) {
    this.state = { value: { version: 1, ring, keys: new Map() } };
  }
  async prepare({ name }: { name: string }): Promise<{ keysetId: string; ring: Ring }> {
    this.calls.push(`prepare by ${name}`);
    await this.answer();
    return { keysetId: 'ks_def5678uvw', ring: this.state.value.ring };
  }
  #step(verb: string) {
    return async (id: string, { name }: { name: string }) => {
      this.calls.push(`${verb} ${id} by ${name}`);
      const { unchanged } = await this.answer();
      return { ring: this.state.value.ring, unchanged };
    };
  }
}

/** A refusal as the keyset room words it. */
export function refusal(sentence: string): () => Promise<never> {
  return () => Promise.reject(new SpirlError('KEYSET_TRANSITION_REFUSED', sentence));
}

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** An admin server on a real socket, and a spirlctl that talks to it. */
export interface AdminServer {
  readonly dir: string;
  readonly socket: string;
  readonly keysets: FakeKeysets;
  readonly config: ManagedConfig;
  readonly clusters: ClusterRegistry;
  spirlctl(...args: readonly string[]): Promise<CliResult>;
  spirlctlWith(terminal: Partial<Terminal>, ...args: readonly string[]): Promise<CliResult>;
  stop(): Promise<void>;
}

export async function startAdminServer(): Promise<AdminServer> {
  const dir = await mkdtemp(join(tmpdir(), 'spirlctl-'));
  const socket = join(dir, 'admin.sock');
  const clock = new FakeClock();
  const store = new MemoryRecordStore();
  const logger = silentLogger;
  const onUnexpected = (): void => {};
  const clusters = await ClusterRegistry.open({ store, clock, logger, trustDomain: TRUST_DOMAIN });
  const options = { platform: 'linux', x509TtlMs: 86_400_000, jwtTtlMs: 86_400_000, ttlFloor: 'production' } as const;
  const config = await ManagedConfig.open({
    ...{ store, clock },
    types: sectionTypes((spec, at) => policyProblems(spec, options, at)),
  });
  const keysets = new FakeKeysets(await exampleRing());
  const trustDomain = TRUST_DOMAIN;
  const keysetMethods = keysetAdmin({
    keysets,
    deployment: {
      ...{ trustDomain: TRUST_DOMAIN, trustDomainId: 'td-0123456789', deploymentId: DEPLOYMENT_ID },
      ...{ deploymentName: 'default', bundleEndpoint: '', serverVersion: '1.2.3' },
      ...{ preparationThresholdMs: 336 * 3_600_000, activationThresholdMs: 168 * 3_600_000 },
    },
    rewrap: () =>
      Promise.resolve({ provider: 'local', key: 'sha256:ab', records: [{ name: 'ring', rewrapped: true }] }),
    svidsPerKeyset: () => ({ ks_abc1234xyz: 12 }),
    bundleSequence: () => 3,
  });
  const listener = new AdminListener({
    ...{ path: socket, ownUid: process.getuid?.() ?? 0, clock: systemClock, logger, onUnexpected },
    methods: [
      ...keysetMethods,
      ...clusterAdmin({ clusters, streams: { list: () => new Map() }, trustDomain, logger }),
      ...configAdmin({ config, clusters, deploymentId: DEPLOYMENT_ID, logger }),
      ...bundleEndpoint({ bundle: () => bundleOf(keysets.state.value.ring, trustDomain), clusters }),
    ],
  });
  await listener.listen();
  const stopped = new AbortController();
  const running = listener.run(stopped.signal);
  const spirlctlWith = (terminal: Partial<Terminal>, ...args: readonly string[]) => {
    return runCli(args, {
      env: { SPIRL_SERVER: socket, XDG_CONFIG_HOME: join(dir, 'xdg') },
      packageRoot: dir,
      ...terminal,
    });
  };
  return {
    ...{ dir, socket, keysets, config, clusters, spirlctlWith },
    spirlctl: (...args) => spirlctlWith({}, ...args),
    stop: async () => {
      stopped.abort();
      await running;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Runs spirlctl in this process. */
export async function runCli(args: readonly string[], terminal: Partial<Terminal> = {}): Promise<CliResult> {
  let [out, err] = ['', ''];
  const code = await runSpirlctl(args, {
    ...{ clock: systemClock, env: {}, signal: new AbortController().signal, packageRoot: '/nonexistent' },
    ...{ version: '1.2.3', node: process.execPath },
    readInput: () => Promise.resolve(''),
    out: (text) => (out += text),
    err: (text) => (err += text),
    ...terminal,
  });
  return { code, out, err };
}

/** The two keysets of the runbook's example, the newer one active. */
async function exampleRing(): Promise<Ring> {
  const at = Date.UTC(2025, 9, 15, 9, 23, 41);
  const keysets = [
    {
      ...(await keyset('ks_def5678uvw', 'ACTIVE', Date.UTC(2025, 11, 30, 8, 0, 5))),
      custody: 'awsKMS',
      custodySettings: { region: 'us-east-1' },
      keyReference: 'arn:aws:kms:us-east-1:123456789012:key/1',
    },
    await keyset('ks_abc1234xyz', 'TAINTED', at),
  ];
  return { epoch: 1, revision: 3, keysets, tombstones: [], writtenAt: at };
}

async function keyset(id: string, state: Keyset['state'], createdAt: number): Promise<Keyset> {
  const { certificate } = await TestAuthority.create(TRUST_DOMAIN, id);
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    ...{ id, state, createdAt, expiresAt: createdAt + 90 * 86_400_000, custody: 'sealed' },
    ...{ caCertificate: certificate, intermediates: [], x509Authorities: [certificate] },
    jwtPublicSpki: publicKey.export({ format: 'der', type: 'spki' }),
  };
}
