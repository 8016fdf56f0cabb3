import type { KeyManagerProvider } from '../provider.js';
import { createWebhookKeyManager } from './webhook-key-manager.js';
import { readWebhookSettings, webhookProblems, WEBHOOK_SCHEMA } from './webhook-section.js';
import { WebhookService } from './webhook-service.js';

/** The Key Manager Extension: a service of the operator's own, asked over HTTPS. */
export const webhookProvider: KeyManagerProvider = {
  schema: WEBHOOK_SCHEMA,
  problems: webhookProblems,
  // The type that the contract names.
  keyType: () => 'EC-P256',
  // Enough for what stands behind such a service; it says 429 or 503 when it is too much.
  inFlight: 32,
  place: (settings) => baseOf(readWebhookSettings(settings).webhookURL),
  open: (settings, parts) =>
    Promise.resolve(createWebhookKeyManager(new WebhookService(readWebhookSettings(settings), parts), parts)),
};

/** The same for every spelling of one address. */
function baseOf(webhookURL: string): string {
  return URL.canParse(webhookURL) ? new URL(webhookURL).href.replace(/\/+$/, '') : webhookURL;
}
