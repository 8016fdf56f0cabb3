import { createHash } from 'node:crypto';
import { certificatesOfPem } from 'spirl-agent/runtime/certificate-facts.js';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { REFUSED, UNREACHABLE, type CaIssuer, type IssuedChain, type IssueRequest } from '../ca-issuer.js';
import { wholeSeconds } from '../ca-profile.js';
import { requestPem } from '../certificate-request.js';
import { isSelfSigned, readCertificate } from '../chain-certificate.js';
import type { AcmPcaApi, AcmPcaFactory, PcaCertificate, PrivateCa } from './acm-pca-api.js';
import { parsePcaArn } from './pca-arn.js';

const TEMPLATE = 'SubordinateCACertificate_PathLen0/V1';
/** Issuing takes a few seconds. An operator's command has 120 s for everything. */
const ISSUE_LIMIT_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5_000;

/** `spec.extensions.awsPca`, read. */
export interface AwsPcaSettings {
  readonly certificateAuthorityArn: string;
  /** Default: the one in the ARN. */
  readonly region?: string;
  /** Default: what the CA itself signs with. */
  readonly signingAlgorithm?: string;
  readonly assumeRoleArn?: string;
}

export interface AwsPcaParts {
  readonly clock: Clock;
  readonly acmPca: AcmPcaFactory;
}

/** An authority in AWS Private CA, root or subordinate. */
export function createAwsPcaIssuer(settings: AwsPcaSettings, { clock, acmPca }: AwsPcaParts): CaIssuer {
  const arn = settings.certificateAuthorityArn;
  const title = `AWS Private CA ${arn}`;
  const parsed = parsePcaArn(arn);
  if (parsed === undefined) throw new SpirlError('INVALID_CONFIG', `${title}: the ARN of a Private CA is expected`);
  const { partition } = parsed;
  const { assumeRoleArn } = settings;
  const region = settings.region ?? parsed.region;
  const api = acmPca({ region, partition, ...(assumeRoleArn !== undefined && { assumeRoleArn }) });
  return {
    title,
    issue: async (request, signal) => {
      const ca = await api.describe(arn, signal);
      if (ca.status !== 'ACTIVE') throw new SpirlError(REFUSED, `${title} is ${ca.status}, not ACTIVE`);
      const certificateArn = await api.issue(
        {
          arn,
          csrPem: requestPem(request.csr),
          signingAlgorithm: settings.signingAlgorithm ?? ca.signingAlgorithm,
          templateArn: `arn:${partition}:acm-pca:::template/${TEMPLATE}`,
          notAfter: endOf(request, ca, clock.now()),
          idempotencyToken: tokenOf(request),
        },
        signal,
      );
      return chainOf(await untilIssued(api, arn, certificateArn, title, clock, signal), title);
    },
  };
}

/** Private CA refuses to issue what would outlive it. */
function endOf({ preferredTtlMs }: IssueRequest, ca: PrivateCa, now: number): number {
  return wholeSeconds(Math.min(now + preferredTtlMs, ca.notAfter ?? Infinity));
}

/** A request that is sent again after a lost answer must not become a second certificate. 36 characters at most. */
function tokenOf({ csr }: IssueRequest): string {
  return createHash('sha256').update(csr).digest('hex').slice(0, 32);
}

async function untilIssued(
  api: AcmPcaApi,
  arn: string,
  certificateArn: string,
  title: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<PcaCertificate> {
  const until = clock.monotonic() + ISSUE_LIMIT_MS;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, MAX_PAUSE_MS)) {
    const issued = await api.certificate(arn, certificateArn, signal);
    if (issued !== undefined) return issued;
    if (clock.monotonic() >= until) {
      throw new SpirlError(UNREACHABLE, `${title} has not issued the certificate after ${ISSUE_LIMIT_MS / 1000} s`);
    }
    await clock.sleep(pause * (0.75 + Math.random() / 2), signal);
  }
}

/** The service appends the root to the chain; only the checks decide what is believed. */
function chainOf({ certificate, chain }: PcaCertificate, title: string): IssuedChain {
  try {
    const all = [...certificatesOfPem(certificate), ...certificatesOfPem(chain)];
    return { chain: all, roots: all.slice(1).filter((der) => isSelfSigned(readCertificate(der))) };
  } catch (cause) {
    throw new SpirlError(REFUSED, `${title} answered with a certificate that cannot be read`, { cause });
  }
}
