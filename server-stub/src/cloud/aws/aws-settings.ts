import type { Clock } from 'spirl-agent/runtime/clock.js';

/** What calls of AWS services need of this server. */
export interface AwsParts {
  readonly clock: Clock;
  /** Other endpoints than those of AWS, by service: for private links and emulators. */
  readonly endpoints: AwsEndpoints;
  /** Names this server in the account's audit log when a role is taken on. */
  readonly sessionName: string;
}

/** URLs. Absent: the service's own endpoint of the region. */
export interface AwsEndpoints {
  readonly acmPca?: string | undefined;
  readonly kms?: string | undefined;
  readonly tagging?: string | undefined;
  readonly sts?: string | undefined;
}

/** Where a service is called, as whom. */
export interface AwsTarget {
  readonly region: string;
  /** `aws`, `aws-cn`, `aws-us-gov`, … */
  readonly partition: string;
  /** ARN of a role to take on first. */
  readonly assumeRoleArn?: string;
}

const DNS_SUFFIX: Readonly<Record<string, string>> = {
  'aws-cn': 'amazonaws.com.cn',
  'aws-iso': 'c2s.ic.gov',
  'aws-iso-b': 'sc2s.sgov.gov',
};

/** `https://acm-pca.eu-west-1.amazonaws.com` */
export function awsEndpoint(service: string, { region, partition }: AwsTarget): string {
  return `https://${service}.${region}.${DNS_SUFFIX[partition] ?? 'amazonaws.com'}`;
}
