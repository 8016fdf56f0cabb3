import { canFind, canRelease, SignedWithAnotherKey, type KeyManager } from '../../domain/key-manager.js';
import type { SigningKey } from '../../domain/signing-key.js';
import type { RemoteCalls } from './remote-calls.js';

/** The same key manager, all of whose calls go through `calls`. It can what the inner one can. */
export function guardedKeyManager(inner: KeyManager, calls: RemoteCalls): KeyManager {
  const guarded = (key: SigningKey): SigningKey => ({
    ...publicPart(key),
    sign: (data, signal) =>
      calls
        .sign((inTime) => key.sign(data, inTime), signal)
        .catch((error: unknown) => {
          if (error instanceof SignedWithAnotherKey) calls.signedWrongly();
          throw error;
        }),
    signedWrongly: () => calls.signedWrongly(),
  });
  return {
    custody: inner.custody,
    // Not repeated: a lost answer may have made the key.
    createKey: async (id, type, signal) =>
      guarded(await calls.other('create', 'once', (inTime) => inner.createKey(id, type, inTime), signal)),
    listKeys: async (signal) => {
      const keys = await calls.other('list', 'repeatable', (inTime) => inner.listKeys(inTime), signal);
      return keys.map(guarded);
    },
    ...(canFind(inner) && {
      findKey: async (id: string, reference: string, signal: AbortSignal) => {
        const find = (inTime: AbortSignal) => inner.findKey(id, reference, inTime);
        const key = await calls.other('find', 'repeatable', find, signal);
        return key && guarded(key);
      },
    }),
    ...(canRelease(inner) && {
      releaseKey: (id: string, signal: AbortSignal, reference?: string) => {
        const release = (inTime: AbortSignal) => inner.releaseKey(id, inTime, reference);
        return calls.other('release', 'repeatable', release, signal);
      },
    }),
  };
}

function publicPart({ id, type, publicKeySpki, reference }: SigningKey) {
  return { id, type, publicKeySpki, ...(reference !== undefined && { reference }) };
}
