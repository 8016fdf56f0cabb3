import test from 'ava';
import { startMoto } from './corrected-moto.js';

const SIGNING = {
  'DIGEST verifies': true,
  'DIGEST spoilt': 'KMSInvalidSignatureException',
  'RAW verifies': true,
  'RAW spoilt': 'KMSInvalidSignatureException',
  'short digest': 'ValidationException',
  'long message': 'ValidationException',
  encrypting: 'InvalidKeyUsageException',
  disabled: 'DisabledException',
  'pending deletion': 'KMSInvalidStateException',
};

test('the corrected emulator does what AWS KMS documents, as boto3 and another crypto library see it', async (t) => {
  const moto = await startMoto();
  t.teardown(moto.stop);
  t.deepEqual(moto.run('kms_checks.py'), {
    ECDSA_SHA_256: SIGNING,
    ECDSA_SHA_384: SIGNING,
    RSASSA_PKCS1_V1_5_SHA_256: SIGNING,
    RSASSA_PSS_SHA_256: SIGNING,
    encrypting: {
      opens: true,
      spoilt: 'InvalidCiphertextException',
      'context moved': 'InvalidCiphertextException',
      'other key': 'IncorrectKeyException',
      disabled: 'DisabledException',
    },
  });
});
