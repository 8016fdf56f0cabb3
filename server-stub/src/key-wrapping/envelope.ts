import { randomBytes } from 'node:crypto';
import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { SealedRecord, Sealer } from '../domain/record-store.js';
import { decryptAesGcm, encryptAesGcm } from './aes-gcm.js';
import { DEK_BYTES, type WrapContext, type Wrapper } from './wrapper.js';

const FORMAT = 1;

type Context = Readonly<Record<string, string>>;

/**
 * Envelope encryption, once for every wrapper: AES-256-GCM under a fresh data key per call, the data key wrapped. Authenticated
 * with it: the caller's context (its `record` names it in messages), the deployment and the format.
 */
export function createSealer(wrapper: Wrapper, deploymentId: string): Sealer {
  return new Envelope(wrapper, deploymentId);
}

class Envelope implements Sealer {
  readonly #wrapper: Wrapper;
  readonly #deploymentId: string;

  constructor(wrapper: Wrapper, deploymentId: string) {
    this.#wrapper = wrapper;
    this.#deploymentId = deploymentId;
  }

  async seal(plaintext: Uint8Array, context: Context, signal: AbortSignal): Promise<SealedRecord> {
    const dek = randomBytes(DEK_BYTES);
    try {
      const { nonce, ciphertext } = encryptAesGcm(dek, plaintext, this.#associatedData(context));
      const { bytes, version } = await this.#wrapper.wrap(dek, this.#wrapContext(context), signal);
      return {
        format: FORMAT,
        wrapper: this.#wrapper.name,
        kek: this.#wrapper.kek,
        ...(version !== undefined && { kekVersion: version }),
        wrappedDek: Buffer.from(bytes).toString('base64'),
        nonce: nonce.toString('base64'),
        ciphertext: ciphertext.toString('base64'),
      };
    } finally {
      dek.fill(0);
    }
  }

  async open(sealed: SealedRecord, context: Context, signal: AbortSignal): Promise<Buffer> {
    const subject = subjectOf(context);
    checkFits(sealed, this.#wrapper, subject);
    const wrapped = { bytes: Buffer.from(sealed.wrappedDek, 'base64'), version: sealed.kekVersion };
    const dek = await this.#wrapper.unwrap(wrapped, this.#wrapContext(context), signal);
    try {
      const nonce = Buffer.from(sealed.nonce, 'base64');
      const ciphertext = Buffer.from(sealed.ciphertext, 'base64');
      const plaintext =
        dek.length === DEK_BYTES ? decryptAesGcm(dek, { nonce, ciphertext }, this.#associatedData(context)) : undefined;
      if (plaintext === undefined) {
        throw new SpirlError('STORE_CORRUPT', `${subject} cannot be used: it was changed or put in another's place`);
      }
      return plaintext;
    } finally {
      dek.fill(0);
    }
  }

  async reseal(sealed: SealedRecord, context: Context, signal: AbortSignal): Promise<SealedRecord | undefined> {
    const secret = await this.open(sealed, context, signal);
    try {
      const resealed = await this.seal(secret, context, signal);
      if (resealed.kekVersion !== undefined && resealed.kekVersion === sealed.kekVersion) return undefined;
      // What replaces the only copy of a secret was opened once.
      const again = await this.open(resealed, context, signal);
      const same = again.equals(secret);
      again.fill(0);
      if (same) return resealed;
      throw new SpirlError(
        'KEY_SERVICE_REFUSED',
        `${subjectOf(context)} could not be sealed anew: it opens as another`,
      );
    } finally {
      secret.fill(0);
    }
  }

  #associatedData(context: Context): string {
    return canonicalJson({ context, deploymentId: this.#deploymentId, format: FORMAT });
  }

  /** What a key service sees and logs: whose key it is, and no more. */
  #wrapContext({ keysetId, record }: Context): WrapContext {
    const deploymentId = this.#deploymentId;
    return keysetId === undefined ? { deploymentId, record: record ?? 'unnamed' } : { deploymentId, keysetId };
  }
}

function subjectOf(context: Context): string {
  return context['record'] === undefined ? 'a sealed record' : `record ${JSON.stringify(context['record'])}`;
}

/** Refuses what is no sealed record, or was sealed by another provider or under another key. */
function checkFits(sealed: SealedRecord, wrapper: Wrapper, subject: string): void {
  const { format, ...texts } = sealed as Partial<Record<keyof SealedRecord, unknown>>;
  const parts = [texts.wrapper, texts.kek, texts.wrappedDek, texts.nonce, texts.ciphertext];
  const version = texts.kekVersion;
  if (parts.some((part) => typeof part !== 'string') || (version !== undefined && typeof version !== 'string')) {
    throw new SpirlError('STORE_CORRUPT', `${subject} cannot be used: its sealed part is incomplete`);
  }
  if (format !== FORMAT) {
    throw new SpirlError(
      'STORE_CORRUPT',
      `${subject} cannot be used: it is sealed in format version ${shown(format)}, this server knows ${FORMAT}`,
    );
  }
  if (sealed.wrapper !== wrapper.name || sealed.kek !== wrapper.kek) {
    throw new SpirlError(
      'INVALID_CONFIG',
      `${subject} is sealed by key wrapping provider "${sealed.wrapper}" with key ${sealed.kek}, but "${wrapper.name}" ` +
        `with key ${wrapper.kek} is configured; switching providers or keys of an existing deployment is not supported`,
    );
  }
}

/** A field of unknown type as a person reads it; `none` when it is absent. */
const shown = (field: unknown): string => (field === undefined ? 'none' : JSON.stringify(field));
