/** A difference between SPIRE's plugin and ours that is meant. */
export interface Intended {
  readonly theirs: unknown;
  readonly ours: unknown;
  readonly because: string;
}

/** Of AWS KMS. Whatever is not named here is the same on both sides: specs, usage, digests, algorithms, message type, kind of resource. */
export const KEYS_INTENDED: Readonly<Record<string, Intended>> = {
  'calls: with nothing there': {
    theirs: ['GetResources', 'ListAliases'],
    ours: ['GetResources'],
    because:
      'SPIRE looks for keys of its older versions, which had aliases; ours never had any, and never lists the account',
  },
  'calls: making and signing': {
    theirs: ['GetResources', 'ListAliases', 'GetCallerIdentity', 'CreateKey', 'GetPublicKey', 'CreateAlias', 'Sign'],
    ours: ['GetResources', 'CreateKey', 'GetPublicKey', 'Sign'],
    because:
      'SPIRE writes a key policy for the role that it runs as, and an alias per key that it moves at each rotation; here every ' +
      'keyset has its own key, found by tags, under the policy that the account has',
  },
  'calls: starting again': {
    theirs: ['GetResources', 'DescribeKey', 'GetPublicKey', 'ListAliases'],
    ours: ['GetResources', 'GetPublicKey'],
    because: 'the public key itself says its type, so kms:DescribeKey is not needed; no aliases',
  },
  'CreateKey: tags': {
    theirs: ['spire-active', 'spire-key-id', 'spire-last-update', 'spire-server-id', 'spire-server-td'],
    ours: ['defakto-deployment-id', 'defakto-keyset-id', 'defakto-trust-domain-id', 'team'],
    because: 'names of our own; no heartbeat in a tag, because nothing of ours deletes keys by their age',
  },
  'discovery: filters': {
    theirs: ['spire-active', 'spire-server-id', 'spire-server-td'],
    ours: ['defakto-deployment-id', 'defakto-trust-domain-id'],
    because: 'a key belongs to a deployment, whose replicas share it, where SPIRE gives each server its own',
  },
};

/** Of AWS Private CA. Everything else is the same: template, validity, algorithm, order of the calls, and all of what is issued. */
export const REQUESTS_INTENDED: Readonly<Record<string, Intended>> = {
  'PCA IssueCertificate: fields': {
    theirs: ['CertificateAuthorityArn', 'Csr', 'SigningAlgorithm', 'TemplateArn', 'Validity'],
    ours: ['CertificateAuthorityArn', 'Csr', 'IdempotencyToken', 'SigningAlgorithm', 'TemplateArn', 'Validity'],
    because: 'a request whose answer was lost is sent again, and must not become a second certificate',
  },
  'request: extensions': {
    theirs: ['2.5.29.17'],
    ours: ['2.5.29.15', '2.5.29.17', '2.5.29.19'],
    because:
      'other authorities than this one sign what the request asks for: it says CA, path length and key usage itself',
  },
};
