import { generateKeyPairSync } from 'node:crypto';
import { isIP } from 'node:net';
import { serverSpiffeId } from 'spirl-agent/domain/session-identity.js';
import { certificatePem } from 'spirl-agent/runtime/certificate-facts.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { Latest } from 'spirl-agent/runtime/latest.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { JsonGeneralName } from 'spirl-agent/runtime/x509.js';
import type { IssuedLeaf, LeafRequest } from './session-authority.js';

const LIFETIME_MS = 30 * 86_400_000;
/** Renewed when this part of its life is over; also the pace of retries, so many fit into the rest. */
const RENEW_AT = 0.5;
const CHECK_EVERY_MS = 600_000;

/** What the endpoint shows to agents. */
export interface EndpointCertificate {
  readonly version: number;
  /** PEM. */
  readonly certificate: string;
  /** PKCS#8 PEM, fresh with each certificate. */
  readonly privateKey: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** What is needed of the session CA. */
export interface LeafIssuer {
  issue(request: LeafRequest): Promise<IssuedLeaf>;
}

export interface EndpointCertificateOptions {
  readonly issuer: LeafIssuer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trustDomain: string;
  readonly deploymentId: string;
  /** Host names and IP addresses under which the endpoint is reached. */
  readonly hosts: readonly string[];
}

/** Keeps the endpoint's certificate of the session CA fresh; a new one is applied to new connections without a restart. */
export class EndpointCertificates {
  readonly latest: Latest<EndpointCertificate>;
  readonly #options: EndpointCertificateOptions;

  private constructor(options: EndpointCertificateOptions, first: EndpointCertificate) {
    this.#options = options;
    this.latest = new Latest(first);
  }

  static async open(options: EndpointCertificateOptions): Promise<EndpointCertificates> {
    return new EndpointCertificates(options, await issueFor(options, 1));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(CHECK_EVERY_MS, signal);
      try {
        await this.renewIfDue();
      } catch (error) {
        logger.error('the endpoint certificate could not be renewed, will retry', { error });
      }
    }
  }

  async renewIfDue(): Promise<void> {
    const { notBefore, notAfter, version } = this.latest.value;
    if (this.#options.clock.now() < notBefore + (notAfter - notBefore) * RENEW_AT) return;
    this.latest.publish(await issueFor(this.#options, version + 1));
    this.#options.logger.info('endpoint certificate renewed');
  }
}

async function issueFor(options: EndpointCertificateOptions, version: number): Promise<EndpointCertificate> {
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const names: JsonGeneralName[] = [{ type: 'url', value: serverSpiffeId(options.trustDomain, options.deploymentId) }];
  for (const host of options.hosts) names.push({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host });
  const leaf = await options.issuer.issue({
    publicKeySpki: keys.publicKey,
    names,
    usage: 'server',
    lifetimeMs: LIFETIME_MS,
  });
  return {
    version,
    certificate: certificatePem(leaf.certificate),
    privateKey: keys.privateKey,
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
  };
}
