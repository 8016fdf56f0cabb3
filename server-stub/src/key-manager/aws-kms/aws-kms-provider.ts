import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { KEY_TAGS_SCHEMA, keyTagProblems } from '../key-tags.js';
import type { KeyManagerProvider } from '../provider.js';
import { createAwsKmsKeyManager, RESERVED_PREFIX } from './aws-kms-key-manager.js';
import { keyTypeOfSpec, KMS_KEY_SPECS } from './key-specs.js';

/** `spec.extensions.awsKMS`. */
interface AwsKmsSettings {
  /** Default: the one that the environment or the profile names. */
  readonly region?: string;
  readonly keySpec?: (typeof KMS_KEY_SPECS)[number];
  readonly keyTags?: Readonly<Record<string, string>>;
}

const REGION = /^[a-z]{2,}(-[a-z]+)+-\d+$/;
/** AWS allows 50 tags; three are ours. */
const TAGS = { reserved: ['aws:', RESERVED_PREFIX], most: 47, keyLength: 128, valueLength: 256 };

/** AWS KMS: one asymmetric key per keyset. */
export const awsKmsProvider: KeyManagerProvider = {
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      region: { type: 'string', description: 'a region (us-east-1)' },
      keySpec: { type: 'string', enum: [...KMS_KEY_SPECS] },
      keyTags: KEY_TAGS_SCHEMA,
    },
  },
  problems: (settings, at) => {
    const { region, keyTags } = settings;
    const wrong = typeof region === 'string' && !REGION.test(region);
    return [
      ...(wrong ? [{ path: `${at}/region`, reason: 'a region (us-east-1) is expected' }] : []),
      ...keyTagProblems(keyTags, `${at}/keyTags`, TAGS),
    ];
  },
  keyType: (settings) => keyTypeOfSpec((settings as AwsKmsSettings).keySpec ?? '') ?? 'EC-P256',
  // The service's own quota of signatures is about 1,000 a second; this many saturate it at 60 ms each.
  inFlight: 64,
  resolved: async (settings, { connectAwsKms }) => {
    const { region = await connectAwsKms.defaultRegion(), ...rest } = settings as AwsKmsSettings;
    if (region === undefined) {
      const why = 'no region is given, and neither environment nor profile of this server names one';
      throw new SpirlError('INVALID_CONFIG', `key manager awsKMS: ${why}`);
    }
    return { ...rest, region };
  },
  place: (settings) => (settings as AwsKmsSettings).region ?? '',
  open: async (settings, { connectAwsKms, owner, rawFromDer }) => {
    const { region = '', keyTags = {} } = settings as AwsKmsSettings;
    const api = await connectAwsKms.connect(region);
    return createAwsKmsKeyManager({ api, owner, keyTags, rawFromDer });
  },
};
