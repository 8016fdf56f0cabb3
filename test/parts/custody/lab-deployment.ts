import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { loadService } from '../../../src/runtime/load-proto.js';
import { run, type CommandResult } from '../../scenario/start-dev.js';
import { manyUsers, Workload } from '../../scenario/workloads.js';
import { WrappedDeployment, type Program } from '../key-wrapping/wrapped-deployment.js';
import { partFile } from '../part-process.js';
import type { Cleanup, Lab, Provided } from './lab.js';
import { unseal } from './unsealed-keys.js';

const READY = 'Serving metrics and health';
/** Lab switch of the agent: how long a taint renewal may be put off. */
const TAINT_DELAY = '1s';
const RENEWED_LIMIT_MS = 20_000;
/** Users that every Debian has; each is an identity of its own, so its SVID has to be signed. */
const USERS = { daemon: 1, bin: 2, sys: 3, games: 5, man: 6, lp: 7, mail: 8, news: 9, uucp: 10, proxy: 13 } as const;
export type User = keyof typeof USERS;

const { client: WorkloadApi } = loadService('spiffe/workload.proto', 'SpiffeWorkloadAPI');

export interface SigningKeyRow {
  readonly keyType: string;
  readonly keyId: string;
  readonly state: string;
  readonly fingerprint: string;
}

/** Requires what it is told; the sentence is what a report shows. */
export function demand(held: boolean, sentence: string): asserts held {
  if (!held) throw new Error(sentence);
}

/** A deployment of the lab: server, agent, one workload with an open stream, and everything that they print, watched. */
export class LabDeployment {
  readonly #inner: WrappedDeployment;
  readonly #lab: Lab;
  readonly #settings: string;
  readonly #env: Readonly<Record<string, string>>;
  #server: Program | undefined;
  #workload: Workload | undefined;
  #asked = 0;
  #saidAtRemoval = '';

  private constructor(inner: WrappedDeployment, lab: Lab, settings: string, env: Readonly<Record<string, string>>) {
    this.#inner = inner;
    this.#lab = lab;
    this.#settings = settings;
    this.#env = env;
  }

  /** Configured for `providers` and not started; `sections` are in force from the start. */
  static async make(
    lab: Lab,
    cleanup: Cleanup,
    providers: readonly Provided[],
    sections: readonly object[] = [],
  ): Promise<LabDeployment> {
    const inner = await WrappedDeployment.make();
    cleanup.later(() => inner.destroy());
    // Other users fetch from here.
    await chmod(inner.dir, 0o711);
    const merged = providers.map(({ settings }) => settings).reduce(merge, { managedConfig: sections });
    const lines = Object.entries(merged).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
    const env = Object.assign(
      { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
      ...providers.map((p) => p.env),
    ) as Record<string, string>;
    const deployment = new LabDeployment(inner, lab, lines.join(''), env);
    cleanup.later(() => deployment.#workload?.stop());
    return deployment;
  }

  get dir(): string {
    return this.#inner.dir;
  }

  get workload(): Workload {
    demand(this.#workload !== undefined, 'no workload was started');
    return this.#workload;
  }

  get server(): Program {
    demand(this.#server !== undefined, 'no server was started');
    return this.#server;
  }

  /** What a server says that is started with one more line of configuration and ends by itself, watched. */
  async tryConfiguration(line: string): Promise<{ readonly code: number | null; readonly printed: string }> {
    const file = join(this.dir, 'tried.yaml');
    await writeFile(
      file,
      `trustDomainDeployment: { trustDomainName: example.org }\nstateDir: ${this.dir}/tried\n${line}\n`,
    );
    const { code, stdout, stderr } = await run(process.execPath, [
      'server-stub/bin/spirl-server.mjs',
      'run',
      '--config',
      file,
    ]);
    this.#noted(`spirl-server with ${line.split(':')[0]}`, { code, stdout, stderr });
    return { code, printed: stdout + stderr };
  }

  /** A server process; resolves before it is ready. */
  async launch(): Promise<Program> {
    const server = await this.#inner.start(this.#settings, this.#env);
    this.#lab.secrets.watch('the server', server.output);
    this.#server = server;
    return server;
  }

  async start(): Promise<void> {
    await (await this.launch()).says(READY);
  }

  async startAgent(): Promise<void> {
    const agent = await this.#inner.startAgent(`lab: { taintDelayMax: ${TAINT_DELAY} }\n`);
    this.#lab.secrets.watch('the agent', agent.output);
    this.#workload = new Workload(join(this.dir, 'agent.sock'));
    await this.#workload.ready;
  }

  async kill(): Promise<void> {
    await this.server.kill('SIGKILL');
  }

  async ctl(...args: readonly string[]): Promise<CommandResult> {
    return this.#noted(`spirlctl ${args.join(' ')}`, await this.#inner.ctl(...args));
  }

  async keyset(...args: readonly string[]): Promise<CommandResult> {
    return this.#noted(`spirlctl keyset ${args.join(' ')}`, await this.#inner.keyset(...args));
  }

  /** The same; throws when it fails. */
  async keysetDone(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.keyset(...args);
    demand(code === 0, `keyset ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async keys(): Promise<readonly SigningKeyRow[]> {
    const { signingKeys } = JSON.parse(await this.keysetDone('list', '-o', 'json')) as { signingKeys: SigningKeyRow[] };
    return signingKeys.map(({ keyType, keyId, state, fingerprint }) => ({ keyType, keyId, state, fingerprint }));
  }

  async activeId(): Promise<string> {
    return (await this.keys()).find(({ state }) => state === 'STATE_ACTIVE')?.keyId ?? '';
  }

  /** A JWT-SVID that nobody has asked for before. */
  async jwt(): Promise<CommandResult> {
    const { code, stdout, stderr } = await this.#inner.mint(`audience-${++this.#asked}`);
    this.#noted('spirldbg svid-jwt', { code, stdout: '', stderr });
    return { code, stdout, stderr };
  }

  /** The same, on the wire: its gRPC status. */
  async jwtStatus(): Promise<status> {
    const client = new WorkloadApi(`unix://${join(this.dir, 'agent.sock')}`, credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('workload.spiffe.io', 'true');
    const fetch = client['FetchJWTSVID'] as unknown as (
      request: object,
      metadata: Metadata,
      done: (error: ServiceError | null) => void,
    ) => void;
    try {
      return await new Promise((resolve) => {
        const request = { audience: [`audience-${++this.#asked}`] };
        fetch.call(client, request, metadata, (error) => resolve(error?.code ?? status.OK));
      });
    } finally {
      client.close();
    }
  }

  /** Until it succeeds, at most 30 s; answers how long that took, in milliseconds. */
  async jwtAgain(): Promise<number> {
    const begun = Date.now();
    for (;;) {
      const { code, stderr } = await this.jwt();
      if (code === 0) return Date.now() - begun;
      demand(Date.now() - begun < 30_000, `no JWT-SVID after 30 s: ${stderr}`);
      await delay(200);
    }
  }

  /** An X.509-SVID for another user, who has none yet; it is not written. */
  async x509As(user: User): Promise<CommandResult> {
    const users = await manyUsers(`${this.dir}/agent.sock`, this.dir, 1, USERS[user]);
    try {
      const env = { SPIFFE_ENDPOINT_SOCKET: `unix://${users.sockets[0] ?? ''}` };
      const fetched = await run(process.execPath, ['src/bin/spirldbg.mjs', 'svid-x509'], env);
      return this.#noted(`spirldbg svid-x509 as ${user}`, fetched);
    } finally {
      users.stop();
    }
  }

  /** X.509 and JWT as relying parties see them: spirldbg, openssl, go-spiffe. */
  async verify(): Promise<void> {
    const env = { SPIFFE_ENDPOINT_SOCKET: `unix://${this.dir}/agent.sock` };
    const to = join(this.dir, `svid-${++this.#asked}`);
    await mkdir(to, { recursive: true });
    const written = await run(process.execPath, ['src/bin/spirldbg.mjs', 'svid-x509', '--write', to], env);
    this.#noted('spirldbg svid-x509 --write', written);
    demand(written.code === 0, `svid-x509: ${written.stderr}`);
    const [svid, bundle] = [join(to, 'svid.pem'), join(to, 'bundle.pem')];
    const alone = ['-no-CApath', '-no-CAstore'];
    const verified = await run('openssl', [
      'verify',
      '-x509_strict',
      ...alone,
      '-CAfile',
      bundle,
      '-untrusted',
      svid,
      svid,
    ]);
    demand(verified.code === 0, `openssl: ${verified.stdout}${verified.stderr}`);
    const go = await run(partFile('bin/go-client', 'run'), ['fetch', `audience-${this.#asked}`], env);
    demand(go.code === 0, `go-spiffe: ${go.stderr}`);
    demand(go.stdout.includes('"validated"'), `go-spiffe: ${go.stdout}`);
  }

  /** The runbook of a rotation, with the stream open; answers the new keyset's id. */
  async rotate(): Promise<string> {
    const old = await this.activeId();
    const prepared = await this.keysetDone('prepare');
    const next = /ks_[a-z0-9]{10}/.exec(prepared)?.[0] ?? '';
    await this.keysetDone('activate', next);
    await this.keysetDone('taint', old);
    await this.renewed(next);
    const removed = await this.keyset('remove', old);
    demand(removed.code === 0 && removed.stdout === `Keyset ${old} removed.\n`, `keyset remove: ${removed.stderr}`);
    this.#saidAtRemoval = removed.stderr;
    const left = new Set((await this.keys()).map(({ keyId }) => keyId));
    demand(!left.has(old) && (await this.activeId()) === next, `after the rotation: ${[...left].join(', ')}`);
    await this.verify();
    this.requireNoGap();
    return next;
  }

  /** What the last `remove` said beside its one line. */
  get saidAtRemoval(): string {
    return this.#saidAtRemoval;
  }

  /** Until the workload holds an SVID of that keyset. */
  async renewed(keysetId: string): Promise<void> {
    const until = Date.now() + RENEWED_LIMIT_MS;
    while (this.workload.latest?.keyset !== keysetId) {
      demand(
        Date.now() < until,
        `the stream still holds an SVID of ${this.workload.latest?.keyset}, not of ${keysetId}`,
      );
      await delay(100);
    }
  }

  requireNoGap(): void {
    const { ends } = this.workload;
    demand(ends.length === 0, `the stream ended: ${JSON.stringify(ends)}`);
  }

  /** `config set` of the deployment; the section's `spec.extensions`. */
  async configure(section: string, extension: Readonly<Record<string, unknown>>): Promise<void> {
    const file = join(this.dir, `${section}.json`);
    await writeFile(file, JSON.stringify(sectionOf(section, extension)));
    const set = await this.ctl('config', 'set', 'trust-domain-deployment', '--id', await this.deploymentId(), file);
    demand(set.code === 0, `config set: ${set.stderr}`);
  }

  async deploymentId(): Promise<string> {
    const { stdout } = await run('grep', ['-rhoE', 'tdd-[a-z0-9]+', join(this.dir, 'server')]);
    return stdout.split('\n')[0] ?? '';
  }

  /**
   * Everything that can be asked of a running server is asked and watched, and its files are; what only the holder of the KEK file knows becomes
   * known as secret.
   */
  async inspect(): Promise<void> {
    const { secrets } = this.#lab;
    const id = await this.deploymentId();
    const state = join(this.dir, 'server');
    if (existsSync(join(state, 'kek'))) {
      const { kek, deks, scalars } = await unseal(state, id);
      secrets.know(`the KEK of ${id}`, kek);
      deks.forEach((dek, index) => secrets.know(`data key ${index} of ${id}`, dek));
      for (const [keyset, scalar] of scalars) secrets.know(`the signing key of ${keyset}`, scalar);
    }
    const config = ['config', 'get', 'trust-domain-deployment', '--id', id];
    for (const question of [config, ['trust-domain', 'info'], ['cluster', 'list'], ['agent', 'list']]) {
      for (const output of ['text', 'json']) {
        const { code, stderr } = await this.ctl(...question, '-o', output);
        demand(code === 0, `${question.join(' ')}: ${stderr}`);
      }
    }
    await this.keysetDone('list');
    await this.keysetDone('list', '-o', 'json');
    const [, base = ''] = /(http:\/\/127\.0\.0\.1:\d+)/.exec(this.server.output().split(READY)[1] ?? '') ?? [];
    for (const page of ['/metrics', '/live', '/ready', '/nowhere']) {
      const text = await (await fetch(base + page)).text();
      secrets.watch(`the server, ${page}`, () => text);
    }
    // The KEK file is where the KEK belongs.
    secrets.watchFiles('the files of the server', state, ['kek']);
  }

  #noted(by: string, result: CommandResult): CommandResult {
    const text = `${result.stdout}${result.stderr}`;
    this.#lab.secrets.watch(by, () => text);
    return result;
  }
}

export const sectionOf = (section: string, extensions: Readonly<Record<string, unknown>>) => ({
  section,
  schema: 'v1',
  spec: { extensions },
});

type Tree = Readonly<Record<string, unknown>>;

/** Objects are merged, lists joined. */
function merge(one: Tree, other: Tree): Tree {
  const merged: Record<string, unknown> = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = merged[name];
    if (Array.isArray(before) && Array.isArray(value))
      merged[name] = [...(before as unknown[]), ...(value as unknown[])];
    else if (typeof before === 'object' && typeof value === 'object')
      merged[name] = merge(before as Tree, value as Tree);
    else merged[name] = value;
  }
  return merged;
}
