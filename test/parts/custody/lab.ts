import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMoto, type Moto } from '../aws/corrected-moto.js';
import { SecretWatch } from './secrets.js';

/** What a server needs to be told to use a provider, and the way to take the provider away from it. */
export interface Provided {
  /** Settings of the server's own configuration, deep-merged with those of others. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  /** `spec.extensions` of the managed section; absent: the provider is none of a section. */
  readonly extension?: Readonly<Record<string, unknown>>;
  /** The service ends, or can no longer be reached. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/** What all cells of one run share: the emulator of AWS, a company's CA in it, and the secrets that nobody may write. */
export interface Lab {
  readonly moto: Moto;
  /** ARN of the company's root CA. */
  readonly pca: string;
  readonly secrets: SecretWatch;
  readonly awsEnv: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** What is started or made for one cell, ended in reverse. */
export class Cleanup {
  readonly #acts: (() => Promise<void> | void)[] = [];
  later(act: () => Promise<void> | void): void {
    this.#acts.push(act);
  }
  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'spirl-custody-'));
    this.later(() => rm(path, { recursive: true, force: true }));
    return path;
  }
  async all(): Promise<void> {
    for (const act of this.#acts.splice(0).reverse()) await act();
  }
}

export async function startLab(): Promise<Lab> {
  const moto = await startMoto();
  const secrets = new SecretWatch();
  const accounts = moto.run('ceremony.py') as { readonly root: { readonly arn: string } };
  const awsEnv = {
    AWS_ACCESS_KEY_ID: 'AKIDCUSTODY',
    AWS_SECRET_ACCESS_KEY: secrets.make('the AWS secret access key'),
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  return { moto, pca: accounts.root.arn, secrets, awsEnv, stop: () => moto.stop() };
}
