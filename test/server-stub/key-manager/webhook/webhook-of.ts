import { createWebhookKeyManager } from '../../../../server-stub/src/key-manager/webhook/webhook-key-manager.js';
import { WebhookService } from '../../../../server-stub/src/key-manager/webhook/webhook-service.js';
import type { WebhookSettings } from '../../../../server-stub/src/key-manager/webhook/webhook-section.js';
import { rawFromDer } from '../../../../server-stub/src/signer/ecdsa-signature.js';
import { systemClock, type Clock } from '../../../../src/runtime/clock.js';
import { SpirlError } from '../../../../src/runtime/errors.js';
import type { KeyServiceServer } from '../../../fakes/key-service-server.js';

export const OWNER = { trustDomainId: 'td-1', deploymentId: 'tdd-1' };

/** Files that a test writes, by their path. */
export class TestFiles extends Map<string, string> {
  problem(path: string): string | undefined {
    return path.startsWith('/etc/spirl/') ? undefined : 'a path below a declared directory is expected';
  }
  read(path: string): Promise<string> {
    const text = this.get(path);
    if (text !== undefined) return Promise.resolve(text);
    return Promise.reject(new SpirlError('INVALID_CONFIG', `file "${path}" cannot be used: it does not exist`));
  }
}

/** A key manager of this deployment that talks to `server`. */
export function webhookOf(
  server: KeyServiceServer,
  settings: Partial<WebhookSettings> = {},
  clock: Clock = systemClock,
) {
  const files = new TestFiles([
    ['/etc/spirl/ca.pem', server.ca],
    ['/etc/spirl/token', 'token-1\n'],
  ]);
  const parts = { clock, files, webhookHosts: ['127.0.0.1'], owner: OWNER, rawFromDer };
  const all = { webhookURL: server.url, timeoutMs: 5_000, caCertPath: '/etc/spirl/ca.pem', ...settings };
  const manager = createWebhookKeyManager(new WebhookService(all, parts), parts);
  return { manager, files, parts };
}
