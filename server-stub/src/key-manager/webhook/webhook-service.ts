import { Agent } from 'node:https';
import { hostProblem } from 'spirl-agent/runtime/declared-hosts.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { exchange, NoAnswer, type HttpAnswer, type HttpRequest } from 'spirl-agent/runtime/http-exchange.js';
import type { KeyType } from '../../domain/signing-key.js';
import type { ProviderParts } from '../provider.js';
import type { HashName, KeyService, ServiceKey, ServiceSignature } from './key-service.js';
import { OddAnswer, readCreatedKey, readKeys, readSignature } from './webhook-answers.js';
import { WebhookCredentials, type Credentials } from './webhook-credentials.js';
import { failureOf } from './webhook-failure.js';
import type { WebhookSettings } from './webhook-section.js';

/** Ten thousand keys with their PEM. */
const MAX_LIST_BYTES = 8 * 1024 * 1024;
const MAX_ANSWER_BYTES = 64 * 1024;
/** The callers bound what is in flight; this bounds a mistake. */
const MAX_CONNECTIONS = 64;

export type WebhookServiceParts = Pick<ProviderParts, 'clock' | 'files' | 'webhookHosts'>;

interface Call {
  /** Completes `webhook … refused`. */
  readonly name: string;
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly body?: unknown;
  readonly maxAnswerBytes?: number;
  /** Whether it may arrive twice; see `HttpRequest.connections`. */
  readonly repeatable: boolean;
}

/** The Key Manager Extension over HTTPS, below `webhookURL`. */
export class WebhookService implements KeyService {
  readonly title: string;
  readonly #settings: WebhookSettings;
  readonly #parts: WebhookServiceParts;
  readonly #credentials: WebhookCredentials;
  readonly #connections = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS });
  readonly #base: string;

  constructor(settings: WebhookSettings, parts: WebhookServiceParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#base = settings.webhookURL.replace(/\/+$/, '');
    this.title = `webhook ${this.#base}`;
    this.#credentials = new WebhookCredentials(settings, (path) => parts.files.read(path), parts.clock);
  }

  async createKey(keyId: string, type: KeyType, signal: AbortSignal): Promise<ServiceKey> {
    const name = `to create key ${keyId}`;
    const body = { key_id: keyId, key_type: type };
    const answer = await this.#ask({ name, method: 'POST', path: '/keys', body, repeatable: false }, signal, [409]);
    if (answer.status === 409) throw new SpirlError('ALREADY_EXISTS', `${this.title} has a key ${keyId}`);
    return this.#read(name, () => readCreatedKey(answer.body, keyId));
  }

  async listKeys(prefix: string, signal: AbortSignal): Promise<readonly ServiceKey[]> {
    const name = 'to list its keys';
    const call: Call = { name, method: 'GET', path: '/keys', maxAnswerBytes: MAX_LIST_BYTES, repeatable: true };
    const answer = await this.#ask(call, signal);
    return this.#read(name, () => readKeys(answer.body, prefix));
  }

  async sign(keyId: string, digest: Uint8Array, hash: HashName, signal: AbortSignal): Promise<ServiceSignature> {
    const body = { digest: Buffer.from(digest).toString('base64'), hash_algorithm: hash };
    const path = `/keys/${encodeURIComponent(keyId)}/sign`;
    const answer = await this.#ask({ name: 'to sign', method: 'POST', path, body, repeatable: true }, signal);
    return this.#read('to sign', () => readSignature(answer.body));
  }

  async release(keyId: string, signal: AbortSignal): Promise<void> {
    const path = `/keys/${encodeURIComponent(keyId)}/release`;
    await this.#ask({ name: `to release key ${keyId}`, method: 'POST', path, repeatable: true }, signal, [404]);
  }

  close(): Promise<void> {
    this.#connections.destroy();
    return Promise.resolve();
  }

  /** The answer: a success, or one of the `expected` others. */
  async #ask(call: Call, signal: AbortSignal, expected: readonly number[] = []): Promise<HttpAnswer> {
    const problem = hostProblem(this.#settings.webhookURL, this.#parts.webhookHosts);
    if (problem !== undefined) throw new SpirlError('INVALID_CONFIG', `${this.title}: ${problem}`);
    let credentials = await this.#credentials.current();
    let answer = await this.#send(call, credentials, signal);
    if (answer.status === 401 && credentials.token !== undefined) {
      const refused = credentials.token;
      credentials = await this.#credentials.reread();
      if (credentials.token !== refused) answer = await this.#send(call, credentials, signal);
    }
    const { status } = answer;
    if ((status >= 200 && status <= 299) || expected.includes(status)) return answer;
    throw failureOf(this.title, call.name, answer, credentials.token);
  }

  async #send(call: Call, { token, trustedCas }: Credentials, signal: AbortSignal): Promise<HttpAnswer> {
    const body = call.body === undefined ? '' : JSON.stringify(call.body);
    const request: HttpRequest = {
      method: call.method,
      url: new URL(this.#base + call.path),
      headers: {
        accept: 'application/json',
        ...(call.body !== undefined && { 'content-type': 'application/json' }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(call.method === 'POST' && { body }),
      timeoutMs: this.#settings.timeoutMs,
      maxAnswerBytes: call.maxAnswerBytes ?? MAX_ANSWER_BYTES,
      ...(trustedCas !== undefined && { trustedCas }),
      ...(call.repeatable && { connections: this.#connections }),
    };
    return await exchange(request, this.#parts.clock, signal).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
      const what = `${this.title} cannot be asked ${call.name}: ${error.message}`;
      throw new SpirlError('KEY_SERVICE_UNAVAILABLE', what, { cause: error });
    });
  }

  #read<T>(name: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof OddAnswer)) throw error;
      // It may be one odd answer of many, for example of something between us and the service.
      const what = `${this.title}, asked ${name}, answered with ${error.message}`;
      throw new SpirlError('KEY_SERVICE_UNAVAILABLE', what, { cause: error });
    }
  }
}
