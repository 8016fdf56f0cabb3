import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/runtime/clock.js';
import { DeclaredFiles } from '../../../src/runtime/declared-files.js';
import { UPSTREAM_AUTHORITIES } from '../../../server-stub/src/upstream-authority/upstream-authorities.js';
import type { UpstreamAuthority } from '../../../server-stub/src/upstream-authority/upstream-authority.js';
import { projectRoot } from '../../architecture/source-tree.js';
import { serverUsage, TestCa } from '../../fakes/test-pki.js';
import { partsOf } from '../../server-stub/upstream-authority/upstream-of.js';
import { freePort, partFile, startPart, type Part } from '../part-process.js';

const INSTALLER = 'parts-upstream.sh';
const example = (name: string): string => join(projectRoot, 'deploy/examples', `upstream-webhook-${name}`);

/** A certificate authority of somebody else, the bridge of this project in front of it, and a server's view of both. */
export interface Bridged {
  readonly authority: UpstreamAuthority;
  /** The extension `webhook` of a section UpstreamAuthority that names the bridge; its files lie in `directory`. */
  readonly extension: Readonly<Record<'webhookURL' | 'caCertPath' | 'bearerTokenPath', string>>;
  readonly directory: string;
  /** Of the bridge, PEM; for whoever is to stand in its place. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** The same with another bearer token. */
  readonly stranger: UpstreamAuthority;
  readonly root: TestCa;
  readonly issuing: TestCa;
  readonly stopAuthority: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Files of one run, below a directory of its own. */
class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'spirl-bridge-'));
  write(name: string, content: string): string {
    const path = join(this.path, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

async function pkiIn(folder: Folder) {
  const now = Date.now();
  const root = await TestCa.root('Company Root', { now, curve: 'P-384', hash: 'SHA-384' });
  const issuing = await root.sub('Company Issuing', { now, pathLength: 1, hash: 'SHA-384' });
  const tls = await TestCa.root('localhost', { now, keyUsage: serverUsage(), dns: ['localhost'] });
  return {
    root,
    issuing,
    rootPath: folder.write('root.crt', root.pem),
    issuingPath: folder.write('intermediate.crt', issuing.pem),
    keyPath: folder.write('intermediate.key', await issuing.keyPem()),
    tlsCert: folder.write('tls.crt', tls.pem),
    tlsKey: folder.write('tls.key', await tls.keyPem()),
    token: folder.write('token', randomBytes(24).toString('base64url')),
    wrongToken: folder.write('wrong-token', randomBytes(24).toString('base64url')),
  };
}

type Pki = Awaited<ReturnType<typeof pkiIn>>;

async function bridged(
  name: string,
  folder: Folder,
  pki: Pki,
  ca: Part,
  env: Record<string, string>,
): Promise<Bridged> {
  const port = await freePort();
  const { tlsCert, tlsKey, token, wrongToken, root, issuing } = pki;
  const common = { TLS_CERT: tlsCert, TLS_KEY: tlsKey, TOKEN_FILE: token, PORT: String(port) };
  const listening = (): Promise<boolean> => reachable(port);
  const up = await startPart(process.execPath, [join(example(name), 'bridge.mjs')], listening, { ...common, ...env });
  const parts = partsOf({
    clock: systemClock,
    files: new DeclaredFiles([folder.path]),
    webhookHosts: [`localhost:${port}`],
  });
  const settings = { webhookURL: `https://localhost:${port}`, timeoutMs: 20_000, caCertPath: tlsCert };
  return {
    authority: UPSTREAM_AUTHORITIES.webhook({ ...settings, bearerTokenPath: token }, parts),
    stranger: UPSTREAM_AUTHORITIES.webhook({ ...settings, bearerTokenPath: wrongToken }, parts),
    extension: { webhookURL: settings.webhookURL, caCertPath: tlsCert, bearerTokenPath: token },
    directory: folder.path,
    tls: { cert: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') },
    root,
    issuing,
    stopAuthority: () => ca.stop(),
    stop: async () => {
      await up.stop();
      await ca.stop();
      folder.remove();
    },
  };
}

async function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** The configuration of the example with a provisioner key and a port of this run. */
export async function startStepCa(): Promise<Bridged> {
  const program = partFile('bin/step-ca', INSTALLER);
  const folder = new Folder();
  const pki = await pkiIn(folder);
  const port = await freePort();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const config = JSON.parse(readFileSync(join(example('step-ca'), 'ca.json'), 'utf8')) as {
    address: string;
    root: string;
    crt: string;
    key: string;
    db: { dataSource: string };
    authority: { provisioners: [{ name: string; key: Record<string, unknown> }] };
  };
  const [provisioner] = config.authority.provisioners;
  const { x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  provisioner.key = { ...provisioner.key, x, y };
  config.address = `127.0.0.1:${port}`;
  Object.assign(config, { root: pki.rootPath, crt: pki.issuingPath, key: pki.keyPath });
  config.db.dataSource = join(folder.path, 'db');
  const jwk = { ...createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' }) };
  const ca = await startPart(program, [folder.write('ca.json', JSON.stringify(config))], () => reachable(port), {
    STEPPATH: folder.path,
  });
  return bridged('step-ca', folder, pki, ca, {
    STEP_CA_URL: `https://127.0.0.1:${port}`,
    STEP_CA_ROOTS: pki.rootPath,
    PROVISIONER: provisioner.name,
    PROVISIONER_JWK: folder.write('provisioner.json', JSON.stringify({ ...jwk, kid: provisioner.key['kid'] })),
    TRUST_DOMAIN: 'example.org',
  });
}

export async function startCfssl(): Promise<Bridged> {
  const program = partFile('bin/cfssl', INSTALLER);
  const folder = new Folder();
  const pki = await pkiIn(folder);
  const port = await freePort();
  const authKey = folder.write('auth.key', randomBytes(16).toString('hex'));
  const text = readFileSync(join(example('cfssl'), 'cfssl.json'), 'utf8').replace('file:auth.key', `file:${authKey}`);
  const config = folder.write('cfssl.json', text);
  const args = ['serve', '-address', '127.0.0.1', '-port', String(port), '-ca', pki.issuingPath];
  const all = [...args, '-ca-key', pki.keyPath, '-config', config];
  const ca = await startPart(program, all, () => reachable(port));
  return bridged('cfssl', folder, pki, ca, {
    CFSSL_URL: `http://127.0.0.1:${port}`,
    CFSSL_AUTH_KEY_FILE: authKey,
    CFSSL_CHAIN: pki.issuingPath,
    CFSSL_ROOTS: pki.rootPath,
    CFSSL_PROFILES: 'keyset-30d=720,keyset-2h=2',
  });
}
