import { PCA_SIGNING_ALGORITHMS } from './aws-pca/pca-arn.js';

const TEXT = { type: 'string' } as const;

/** JSON Schemas of `spec.extensions.<name>` in the section UpstreamAuthority; what they cannot say is in `upstream-section.ts`. */
export const UPSTREAM_EXTENSION_SCHEMAS = {
  awsPca: {
    type: 'object',
    additionalProperties: false,
    required: ['certificateAuthorityArn'],
    properties: {
      certificateAuthorityArn: TEXT,
      region: TEXT,
      signingAlgorithm: { type: 'string', enum: [...PCA_SIGNING_ALGORITHMS] },
      assumeRoleArn: TEXT,
    },
  },
  disk: {
    type: 'object',
    additionalProperties: false,
    required: ['certFilePath', 'keyFilePath'],
    properties: { certFilePath: TEXT, keyFilePath: TEXT, bundleFilePath: TEXT },
  },
  webhook: {
    type: 'object',
    additionalProperties: false,
    required: ['webhookURL'],
    properties: { webhookURL: TEXT, caCertPath: TEXT, timeout: TEXT, bearerTokenPath: TEXT },
  },
} as const;

/** JSON Schema of the section's `spec`. No extension: CA certificates are self-signed. */
export const UPSTREAM_SECTION_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  properties: {
    extensions: { type: 'object', additionalProperties: false, properties: UPSTREAM_EXTENSION_SCHEMAS },
  },
} as const;
