import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTlsIdentity } from '../../test/fakes/tls-identity.js';
import type { WebhookSigner } from '../load/webhook-signer.js';
import { LoadProcess } from '../rig/load-process.js';
import { NOTHING_DECLARED, type KeyServiceKind } from './key-service.js';

/** What stands behind a webhook: `lanes` signatures side by side, `ms` each. */
interface Behind {
  readonly lanes: number;
  readonly ms: number;
}

/** The Key Manager Extension with a latency of its own. Nothing has to be installed for it. */
function webhook(name: string, behind: Behind, share?: number): KeyServiceKind {
  return {
    name,
    inFlight: 32,
    batch: 16,
    ...(share !== undefined && { share }),
    missing: () => undefined,
    start: async (dir) => {
      const tls = await makeTlsIdentity();
      const caCertPath = join(dir, 'ca.pem');
      await writeFile(caCertPath, tls.ca);
      const service = new LoadProcess<WebhookSigner>('load/webhook-signer.js');
      const { port } = await service.do('listen', { cert: tls.cert, key: tls.key, ...behind });
      const host = `127.0.0.1:${port}`;
      return {
        extension: { webhook: { webhookURL: `https://${host}`, caCertPath } },
        declared: { ...NOTHING_DECLARED, webhookHosts: [host], secretDirectories: [dir] },
        env: {},
        bare: {
          kind: 'http',
          url: `https://${host}/keys/bare/sign`,
          headers: { accept: 'application/json', 'content-type': 'application/json' },
          body: JSON.stringify({ digest: Buffer.alloc(32, 7).toString('base64'), hash_algorithm: 'SHA-256' }),
          ca: tls.ca,
        },
        stop: () => service.stop(),
      };
    },
  };
}

/** An HSM that signs one after another. */
export const serialWebhook = webhook('webhook, 2 ms per signature, one at a time', { lanes: 1, ms: 2 }, 0.8);
/** A service that is far away. */
export const farWebhook = webhook('webhook, 32 side by side, 40 ms each', { lanes: 32, ms: 40 }, 0.8);
/** One that costs nothing but its own HTTPS. */
export const fastWebhook = webhook('webhook without latency', { lanes: 1_000, ms: 0 });
