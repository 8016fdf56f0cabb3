import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { startMoto } from '../../test/parts/aws/corrected-moto.js';
import { missingPart } from './installed.js';
import { NOTHING_DECLARED, type KeyServiceKind } from './key-service.js';

const REGION = 'us-east-1';
const USER = { accessKeyId: 'AKIDBENCHMARK', secretAccessKey: 'example-secret' };

/** AWS KMS as the corrected moto is it. */
export const awsKms: KeyServiceKind = {
  name: 'AWS KMS (moto)',
  inFlight: 64,
  batch: 16,
  share: 0.8,
  missing: () => missingPart('moto/bin/python', 'parts-aws.sh'),
  start: async () => {
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
    const moto = await startMoto();
    const client = new KMSClient({ region: REGION, endpoint: moto.url, credentials: USER });
    const { KeyMetadata } = await client.send(
      new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
    );
    client.destroy();
    return {
      extension: { awsKMS: { region: REGION } },
      declared: NOTHING_DECLARED,
      env: {
        AWS_ACCESS_KEY_ID: USER.accessKeyId,
        AWS_SECRET_ACCESS_KEY: USER.secretAccessKey,
        AWS_ENDPOINT_URL: moto.url,
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
      bare: {
        kind: 'http',
        url: moto.url,
        headers: {
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': 'TrentService.Sign',
          // As long as a real one; the emulator looks at service and region only.
          authorization: `AWS4-HMAC-SHA256 Credential=${USER.accessKeyId}/20260101/${REGION}/kms/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
        },
        body: JSON.stringify({
          KeyId: KeyMetadata?.Arn,
          Message: Buffer.alloc(32, 7).toString('base64'),
          MessageType: 'DIGEST',
          SigningAlgorithm: 'ECDSA_SHA_256',
        }),
      },
      stop: () => moto.stop(),
    };
  },
};
