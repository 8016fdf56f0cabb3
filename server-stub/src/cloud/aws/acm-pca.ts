import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { awsErrorType } from './aws-error.js';
import { awsJsonService } from './aws-json-service.js';
import type { AwsParts, AwsTarget } from './aws-settings.js';

/** AWS Private CA: the three calls that a subordinate CA takes. Times are milliseconds since the epoch, texts PEM. */
export function createAcmPca(parts: AwsParts): (target: AwsTarget) => AcmPca {
  return (target) => new AcmPca(parts, target);
}

const TITLE = 'AWS Private CA';

export class AcmPca {
  readonly #call: ReturnType<typeof awsJsonService>;
  constructor(parts: AwsParts, target: AwsTarget) {
    const { acmPca: endpoint } = parts.endpoints;
    this.#call = awsJsonService({ title: TITLE, name: 'acm-pca', target: 'ACMPrivateCA', endpoint }, parts, target);
  }

  async describe(
    arn: string,
    signal: AbortSignal,
  ): Promise<{ status: string; signingAlgorithm: string; notAfter: number | undefined }> {
    const answer = await this.#call('DescribeCertificateAuthority', { CertificateAuthorityArn: arn }, arn, signal);
    const ca = objectIn(answer, 'CertificateAuthority');
    const configuration = objectIn(ca, 'CertificateAuthorityConfiguration');
    const notAfter = ca['NotAfter'];
    return {
      status: textIn(ca, 'Status'),
      signingAlgorithm: textIn(configuration, 'SigningAlgorithm'),
      // Seconds, with a fraction.
      notAfter: typeof notAfter === 'number' ? Math.floor(notAfter) * 1000 : undefined,
    };
  }

  async issue(
    request: {
      readonly arn: string;
      readonly csrPem: string;
      readonly signingAlgorithm: string;
      readonly templateArn: string;
      readonly notAfter: number;
      readonly idempotencyToken: string;
    },
    signal: AbortSignal,
  ): Promise<string> {
    const input = {
      CertificateAuthorityArn: request.arn,
      Csr: Buffer.from(request.csrPem).toString('base64'),
      SigningAlgorithm: request.signingAlgorithm,
      TemplateArn: request.templateArn,
      Validity: { Type: 'ABSOLUTE', Value: Math.floor(request.notAfter / 1000) },
      IdempotencyToken: request.idempotencyToken,
    };
    return textIn(await this.#call('IssueCertificate', input, request.arn, signal), 'CertificateArn');
  }

  /** Undefined: not issued yet. */
  async certificate(
    arn: string,
    certificateArn: string,
    signal: AbortSignal,
  ): Promise<{ certificate: string; chain: string } | undefined> {
    const input = { CertificateAuthorityArn: arn, CertificateArn: certificateArn };
    try {
      const answer = await this.#call('GetCertificate', input, arn, signal);
      return { certificate: textIn(answer, 'Certificate'), chain: textIn(answer, 'CertificateChain') };
    } catch (error) {
      if (awsErrorType(error) === 'RequestInProgressException') return undefined;
      throw error;
    }
  }
}

type Answer = Readonly<Record<string, unknown>>;

function objectIn(answer: Answer, field: string): Answer {
  const value = answer[field];
  if (typeof value === 'object' && value !== null) return value as Answer;
  throw incomplete(field);
}

function textIn(answer: Answer, field: string): string {
  const value = answer[field];
  if (typeof value === 'string' && value !== '') return value;
  throw incomplete(field);
}

function incomplete(field: string): SpirlError {
  return new SpirlError('KEY_SERVICE_UNAVAILABLE', `${TITLE} answered without ${field}`);
}
