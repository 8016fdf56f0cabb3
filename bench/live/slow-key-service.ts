import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { derFromRaw } from '../../server-stub/src/signer/ecdsa-signature.js';
import type { Clock } from '../../src/runtime/clock.js';
import { answer, KeyServiceServer } from '../../test/fakes/key-service-server.js';
import { signDigestRaw } from '../../test/fakes/prehashed-ecdsa.js';
import { sampler } from '../fleet/distribution.js';
import { Random } from '../fleet/random.js';
import type { Scenario } from '../fleet/scenario.js';
import { moment } from './fleet-log.js';

/** A quota is counted over this time: as in the model. */
const QUOTA_WINDOW_MS = 100;
const AWAY_MS = 60_000;

/** A signature that was made, or refused because of the quota. */
export interface SignatureNote {
  readonly at: number;
  readonly made: boolean;
}

/** A key manager behind a webhook, on loopback: it takes the scenario's time for a signature and keeps the scenario's quota. */
export class SlowKeyService {
  readonly #server: KeyServiceServer;
  readonly #latency: () => number;
  readonly #quota: number;
  readonly #clock: Clock;
  #allowed: number;
  #tokens: number;
  #refilledAt = 0;
  #away = false;
  readonly #closed = new AbortController();
  #notes: SignatureNote[] = [];

  private constructor(server: KeyServiceServer, keyManager: Scenario['keyManager'], seed: number, clock: Clock) {
    this.#server = server;
    this.#latency = sampler(keyManager.latency, new Random(seed, 3));
    this.#quota = keyManager.quota ?? Infinity;
    this.#allowed = this.#quota;
    this.#tokens = this.#most;
    this.#clock = clock;
    // Every signature under way waits for it.
    setMaxListeners(0, this.#closed.signal);
    server.interfere = (request, response) => {
      if (request.method !== 'POST' || request.url?.endsWith('/sign') !== true) return false;
      void this.#sign(request, response).catch(() => response.destroy());
      return true;
    };
  }

  static async start(keyManager: Scenario['keyManager'], seed: number, clock: Clock): Promise<SlowKeyService> {
    return new SlowKeyService(await KeyServiceServer.start(), keyManager, seed, clock);
  }

  get url(): string {
    return this.#server.url;
  }
  /** PEM */
  get ca(): string {
    return this.#server.ca;
  }
  get notes(): readonly SignatureNote[] {
    return this.#notes;
  }

  forgetNotes(): void {
    this.#notes = [];
  }

  /** Signatures per second from now on; `undefined`: the scenario's own quota. */
  setQuota(perSecond: number | undefined): void {
    this.#refill();
    this.#allowed = perSecond ?? this.#quota;
  }

  setAway(away: boolean): void {
    this.#away = away;
  }

  close(): Promise<void> {
    this.#closed.abort();
    return this.#server.close();
  }

  async #sign(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { digest } = JSON.parse(Buffer.concat(parts).toString('utf8')) as { digest: string };
    const id = decodeURIComponent(/\/keys\/([^/]+)\/sign$/.exec(request.url ?? '')?.[1] ?? '');
    const key = this.#server.keys.get(id);
    await this.#clock.sleep(this.#away ? AWAY_MS : this.#latency(), this.#closed.signal);
    if (response.destroyed) return;
    if (key === undefined) {
      answer(response, 404, { error: 'unknown key' });
      return;
    }
    this.#refill();
    const made = this.#tokens >= 1;
    this.#notes.push({ at: moment(), made });
    if (!made) {
      answer(response, 429, { error: 'quota exceeded' });
      return;
    }
    this.#tokens--;
    const signature = derFromRaw(signDigestRaw(key.privateKey, Buffer.from(digest, 'base64')));
    answer(response, 200, { signature: Buffer.from(signature).toString('base64'), key_fingerprint: key.fingerprint });
  }

  get #most(): number {
    return this.#allowed === Infinity ? Infinity : Math.max(1, (this.#allowed * QUOTA_WINDOW_MS) / 1000);
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const come = this.#allowed === Infinity ? Infinity : (this.#allowed * (now - this.#refilledAt)) / 1000;
    this.#tokens = Math.min(this.#most, this.#tokens + come);
    this.#refilledAt = now;
  }
}
