import type { ExecutionContext } from 'ava';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import { X509Signer } from '../../../server-stub/src/signer/x509-signer.js';
import { WorkloadKeys } from '../../../server-stub/src/signer/workload-key.js';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import type { MintedCa } from '../../../server-stub/src/upstream-authority/upstream-authority.js';
import { forever } from '../../server-stub/signer/signing-keys.js';
import { opensslVerify } from '../openssl.js';

/** openssl takes our CA, and a leaf that it signed with what is delivered with leaves, for what they are. */
export async function checkWithOpenssl(t: ExecutionContext, minted: MintedCa, key: SigningKey): Promise<void> {
  const { caCertificate, intermediates, x509Authorities: roots } = minted;
  const text = opensslVerify({ chain: [caCertificate, ...intermediates], roots });
  t.regex(text, /Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/);
  t.regex(text, /Key Usage: critical\s+.*Certificate Sign/);
  const { publicPoint } = new WorkloadKeys().next();
  const spiffeId = SpiffeId.parse('spiffe://example.org/workload');
  const request = { spiffeId, subject: [], ttlMs: 600_000, publicPoint };
  const { certificate } = await new X509Signer(caCertificate, key).sign(request, Date.now(), forever);
  const leaf = opensslVerify({ chain: [certificate, caCertificate, ...intermediates], roots });
  t.regex(leaf, /URI:spiffe:\/\/example\.org\/workload/);
}
