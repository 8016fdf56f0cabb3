/** The calls we make of AWS Private CA, in our own words. Failures: KEY_SERVICE_UNAVAILABLE, KEY_SERVICE_REFUSED. */
export interface AcmPcaApi {
  describe(arn: string, signal: AbortSignal): Promise<PrivateCa>;
  /** ARN of the certificate, which is not there at once. Asked twice with one token it issues once. */
  issue(request: PcaIssueRequest, signal: AbortSignal): Promise<string>;
  /** Undefined: not issued yet. */
  certificate(arn: string, certificateArn: string, signal: AbortSignal): Promise<PcaCertificate | undefined>;
}

export interface PrivateCa {
  /** `ACTIVE`, `DISABLED`, `EXPIRED`, … */
  readonly status: string;
  /** What it signs with by itself: `SHA256WITHECDSA`. */
  readonly signingAlgorithm: string;
  /** Milliseconds since the epoch; undefined before it has a certificate. */
  readonly notAfter: number | undefined;
}

export interface PcaIssueRequest {
  readonly arn: string;
  readonly csrPem: string;
  readonly signingAlgorithm: string;
  readonly templateArn: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  readonly idempotencyToken: string;
}

/** PEM. The chain goes from the issuing CA to the root. */
export interface PcaCertificate {
  readonly certificate: string;
  readonly chain: string;
}

export interface AcmPcaOptions {
  readonly region: string;
  /** `aws`, `aws-cn`, `aws-us-gov`. */
  readonly partition: string;
  /** ARN of a role to take on first. */
  readonly assumeRoleArn?: string;
}

export type AcmPcaFactory = (options: AcmPcaOptions) => AcmPcaApi;
