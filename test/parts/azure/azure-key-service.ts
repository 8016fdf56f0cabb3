import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { partFile, startPart } from '../part-process.js';

/** How the service is to fail; see `control.go`. */
export interface Faults {
  readonly unreachable?: readonly string[];
  readonly deny?: readonly string[];
  readonly status?: number;
  readonly times?: number;
  readonly retryAfter?: number;
  readonly delayMs?: number;
  readonly garbage?: boolean;
  readonly reset?: boolean;
  readonly truncated?: boolean;
  readonly tokenSeconds?: number;
}

export interface AzureKeyService {
  /** For a program that is to reach it under Azure's own names: proxy, CA and a client's secret. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes a key, or a new version of it; answers the version. */
  createKey(vaultUrl: string, name: string, kty?: string, size?: number, operations?: string): Promise<string>;
  disableVersion(vaultUrl: string, name: string, version: string): Promise<void>;
  /** Where managed identities get their tokens, on loopback: App Service's endpoint and the metadata service of machines. */
  readonly identityUrl: string;
  /** Tokens of this issuer for this subject are the client's proof from now on. */
  federate(issuer: string, subject: string): Promise<void>;
  /** Calls since the last reset, by permission; `challenge`, `token` and `identity` are the ways to a token. */
  calls(): Promise<Readonly<Record<string, number>>>;
  resetCalls(): Promise<void>;
  fail(faults: Faults): Promise<void>;
  stop(): Promise<void>;
}

const IDENTITY = {
  AZURE_TENANT_ID: '11111111-2222-3333-4444-555555555555',
  AZURE_CLIENT_ID: '66666666-7777-8888-9999-000000000000',
};
export const CLIENT_SECRET = { ...IDENTITY, AZURE_CLIENT_SECRET: 'test-client-secret' };
/** Audience of tokens that Entra ID takes for a client's proof. */
export const FEDERATED_AUDIENCE = 'api://AzureADTokenExchange';
export const federated = (file: string) => ({ ...IDENTITY, AZURE_FEDERATED_TOKEN_FILE: file });
/** Of a program that has a managed identity, in the two forms that Azure documents; loopback must not go to the proxy. */
export const managedIdentity = (identityUrl: string) => ({
  appService: {
    IDENTITY_ENDPOINT: `${identityUrl}/msi/token`,
    IDENTITY_HEADER: 'header-of-the-identity-endpoint',
    NO_PROXY: '127.0.0.1',
  },
  machine: { AZURE_POD_IDENTITY_AUTHORITY_HOST: identityUrl, NO_PROXY: '127.0.0.1' },
});

/** The Key Vault and Managed HSM service of this folder, on loopback, with a directory of its own. */
export async function startAzureKeyService(): Promise<AzureKeyService> {
  const program = partFile('bin/azure-key-service', 'parts-azure.sh');
  const dir = await mkdtemp(join(tmpdir(), 'spirl-azure-'));
  let output = (): string => '';
  const started = (): { proxy: string; control: string; ca: string; identity: string } | undefined => {
    const line = output().split('\n')[0] ?? '';
    return line.endsWith('}') ? (JSON.parse(line) as ReturnType<typeof started>) : undefined;
  };
  const part = await startPart(program, ['-dir', dir], () => Promise.resolve(true));
  output = part.output;
  for (let tries = 0; started() === undefined && tries < 100; tries++) await new Promise((go) => setTimeout(go, 50));
  const { proxy, control, ca, identity } = started() ?? { proxy: '', control: '', ca: '', identity: '' };
  const env = { HTTPS_PROXY: proxy, NODE_EXTRA_CA_CERTS: ca, NO_PROXY: '', no_proxy: '' };
  const operator = async (...args: readonly string[]): Promise<string> => {
    const script = fileURLToPath(new URL('./create-key.js', import.meta.url));
    const options = { env: { ...process.env, ...env, ...CLIENT_SECRET } };
    return (await promisify(execFile)(process.execPath, [script, ...args], options)).stdout.trim();
  };
  const asked = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const answer = await fetch(control + path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer;
  };
  return {
    env,
    createKey: (vaultUrl, name, kty = 'oct', size = 256, operations = 'encrypt,decrypt') =>
      operator(vaultUrl, name, kty, String(size), operations),
    disableVersion: async (vaultUrl, name, version) => {
      await operator(vaultUrl, name, 'disable', version);
    },
    identityUrl: identity,
    federate: async (issuer, subject) => {
      await asked('PUT', '/federation', { issuer, subject });
    },
    calls: async () => (await asked('GET', '/calls')).json() as Promise<Record<string, number>>,
    resetCalls: async () => {
      await asked('POST', '/calls/reset');
    },
    fail: async (faults) => {
      await asked('PUT', '/faults', faults);
    },
    stop: async () => {
      await part.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
