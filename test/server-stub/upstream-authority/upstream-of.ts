import { TrustDomain } from '../../../src/domain/trust-domain.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import type { AcmPcaFactory, AcmPcaOptions } from '../../../server-stub/src/upstream-authority/aws-pca/acm-pca-api.js';
import type { IssueRequest } from '../../../server-stub/src/upstream-authority/ca-issuer.js';
import type { UpstreamParts } from '../../../server-stub/src/upstream-authority/upstream-parts.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { localKey } from '../signer/signing-keys.js';

export const NOW = Date.UTC(2026, 0, 1);
export const DAY = 24 * 3600 * 1000;

/** Files in memory; those below `/etc/spirl/` may be named. */
export class FakeFiles {
  readonly contents: Map<string, string>;
  reads = 0;
  constructor(contents: Readonly<Record<string, string>> = {}) {
    this.contents = new Map(Object.entries(contents));
  }
  problem(path: string): string | undefined {
    return path.startsWith('/etc/spirl/') ? undefined : 'a path below /etc/spirl is expected';
  }
  read(path: string): Promise<string> {
    this.reads++;
    const content = this.contents.get(path);
    if (content !== undefined && this.problem(path) === undefined) return Promise.resolve(content);
    return Promise.reject(new SpirlError('INVALID_CONFIG', `file "${path}" cannot be used: it does not exist`));
  }
}

export const noAcmPca: AcmPcaFactory = (options: AcmPcaOptions) => {
  throw new Error(`nobody asks for Private CA in ${options.region}`);
};

export function partsOf(parts: Partial<UpstreamParts> = {}): UpstreamParts {
  const files = new FakeFiles();
  return { clock: new FakeClock(NOW), files, webhookHosts: ['localhost'], acmPca: noAcmPca, ...parts };
}

/** What an issuer is asked; the request itself is not looked at by most. */
export function issueRequest(preferredTtlMs = 90 * DAY): IssueRequest {
  const trustDomain = TrustDomain.parse('example.org');
  return { key: localKey(), keysetId: 'ks_aaaaaaaaaa', trustDomain, preferredTtlMs, csr: new Uint8Array() };
}
