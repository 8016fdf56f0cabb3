import type { SealedRecord, Sealer } from '../../server-stub/src/domain/record-store.js';
import { canonicalJson } from '../../src/runtime/canonical-json.js';
import { SpirlError } from '../../src/runtime/errors.js';

/** Seals nothing, but refuses another context as a real one does. */
export const plainSealer: Sealer = {
  seal: (plaintext, context) =>
    Promise.resolve<SealedRecord>({
      format: 1,
      wrapper: 'none',
      kek: 'none',
      wrappedDek: '',
      nonce: canonicalJson(context),
      ciphertext: Buffer.from(plaintext).toString('base64'),
    }),
  open: (sealed, context) =>
    sealed.nonce === canonicalJson(context)
      ? Promise.resolve(Buffer.from(sealed.ciphertext, 'base64'))
      : Promise.reject(new SpirlError('STORE_CORRUPT', 'sealed in another context')),
  reseal: () => Promise.resolve(undefined),
};
