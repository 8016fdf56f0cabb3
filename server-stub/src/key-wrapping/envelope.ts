import { randomBytes } from 'node:crypto';
import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { SealedRecord, Sealer } from '../domain/record-store.js';
import { decryptAesGcm, encryptAesGcm } from './aes-gcm.js';
import type { Wrapper } from './wrapper.js';

const FORMAT = 1;
const DEK_BYTES = 32;

type Context = Readonly<Record<string, string>>;

/**
 * Envelope encryption, once for every wrapper: AES-256-GCM under a fresh data key per call, the data key wrapped. Authenticated
 * with it: the caller's context (its `record` names it in messages), the deployment and the format.
 */
export function createSealer(wrapper: Wrapper, deploymentId: string): Sealer {
  const associatedData = (context: Context): string => canonicalJson({ context, deploymentId, format: FORMAT });
  return {
    seal: async (plaintext, context, signal) => {
      const dek = randomBytes(DEK_BYTES);
      try {
        const { nonce, ciphertext } = encryptAesGcm(dek, plaintext, associatedData(context));
        const wrappedDek = await wrapper.wrap(dek, signal);
        return {
          format: FORMAT,
          wrapper: wrapper.name,
          kek: wrapper.kek,
          wrappedDek: Buffer.from(wrappedDek).toString('base64'),
          nonce: nonce.toString('base64'),
          ciphertext: ciphertext.toString('base64'),
        };
      } finally {
        dek.fill(0);
      }
    },
    open: async (sealed, context, signal) => {
      const subject =
        context['record'] === undefined ? 'a sealed record' : `record ${JSON.stringify(context['record'])}`;
      checkFits(sealed, wrapper, subject);
      const dek = await wrapper.unwrap(Buffer.from(sealed.wrappedDek, 'base64'), signal);
      try {
        const nonce = Buffer.from(sealed.nonce, 'base64');
        const ciphertext = Buffer.from(sealed.ciphertext, 'base64');
        const plaintext =
          dek.length === DEK_BYTES ? decryptAesGcm(dek, { nonce, ciphertext }, associatedData(context)) : undefined;
        if (plaintext === undefined) {
          throw new SpirlError('STORE_CORRUPT', `${subject} cannot be used: it was changed or put in another's place`);
        }
        return plaintext;
      } finally {
        dek.fill(0);
      }
    },
  };
}

/** Refuses what is no sealed record, or was sealed by another provider or under another key. */
function checkFits(sealed: SealedRecord, wrapper: Wrapper, subject: string): void {
  const { format, ...texts } = sealed as Partial<Record<keyof SealedRecord, unknown>>;
  const parts = [texts.wrapper, texts.kek, texts.wrappedDek, texts.nonce, texts.ciphertext];
  if (parts.some((part) => typeof part !== 'string')) {
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
