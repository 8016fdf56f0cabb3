/** What the ARN of a Private CA says. */
export interface PcaArn {
  readonly partition: string;
  readonly region: string;
}

const ARN = /^arn:(aws[a-z-]*):acm-pca:([a-z0-9-]+):[0-9]{12}:certificate-authority\/[0-9A-Za-z-]{1,64}$/;

/** Undefined for anything else. */
export function parsePcaArn(text: string): PcaArn | undefined {
  const [, partition, region] = ARN.exec(text) ?? [];
  return partition === undefined || region === undefined ? undefined : { partition, region };
}

export const ROLE_ARN = /^arn:aws[a-z-]*:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,512}$/;

/** As IssueCertificate names them. */
export const PCA_SIGNING_ALGORITHMS = [
  'SHA256WITHECDSA',
  'SHA384WITHECDSA',
  'SHA512WITHECDSA',
  'SHA256WITHRSA',
  'SHA384WITHRSA',
  'SHA512WITHRSA',
] as const;
