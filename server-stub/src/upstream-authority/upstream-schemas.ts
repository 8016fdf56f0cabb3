import { PCA_SIGNING_ALGORITHMS } from './aws-pca/pca-arn.js';

const TEXT = { type: 'string' } as const;

/** JSON Schemas of `spec.extensions.<name>` in the section UpstreamAuthority; what they cannot say is in `upstream-section.ts`. */
export const UPSTREAM_EXTENSION_SCHEMAS = {
  awsPca: {
    type: 'object',
    additionalProperties: false,
    required: ['certificateAuthorityArn'],
    properties: {
      certificateAuthorityArn: { ...TEXT, description: 'the ARN of a Private CA' },
      region: { ...TEXT, description: 'a region (us-east-1)' },
      signingAlgorithm: { type: 'string', enum: [...PCA_SIGNING_ALGORITHMS] },
      assumeRoleArn: { ...TEXT, description: 'the ARN of an IAM role' },
    },
  },
  disk: {
    type: 'object',
    additionalProperties: false,
    required: ['certFilePath', 'keyFilePath'],
    properties: {
      certFilePath: { ...TEXT, description: 'the path of a file with the CA certificate' },
      keyFilePath: { ...TEXT, description: 'the path of a file with its private key' },
      bundleFilePath: { ...TEXT, description: 'the path of a file with roots' },
    },
  },
  webhook: {
    type: 'object',
    additionalProperties: false,
    required: ['webhookURL'],
    properties: {
      webhookURL: { ...TEXT, description: 'the https URL of a declared host' },
      caCertPath: { ...TEXT, description: 'the path of a file with authorities' },
      timeout: { ...TEXT, description: 'a duration from 100ms to 1m' },
      bearerTokenPath: { ...TEXT, description: 'the path of a file with a token' },
    },
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
