import { hasCode } from 'spirl-agent/runtime/errors.js';
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
    createKey: async (id, type, signal) => guarded(await createKey(inner, calls, { id, type }, signal)),
    listKeys: async (signal) => (await listKeys(inner, calls, signal)).map(guarded),
    ...(canFind(inner) && {
      findKey: async (id: string, reference: string, signal: AbortSignal) => {
        const find = (inTime: AbortSignal) => inner.findKey(id, reference, inTime);
        const key = await calls.other('find', find, signal);
        return key && guarded(key);
      },
    }),
    ...(canRelease(inner) && {
      releaseKey: (id: string, signal: AbortSignal, reference?: string) => {
        const release = (inTime: AbortSignal) => inner.releaseKey(id, inTime, reference);
        return calls.other('release', release, signal);
      },
    }),
  };
}

/** Who is busy has made no key, but what answers in its place may not know: then the second request meets the first one's key. */
async function createKey(
  inner: KeyManager,
  calls: RemoteCalls,
  { id, type }: Pick<SigningKey, 'id' | 'type'>,
  signal: AbortSignal,
): Promise<SigningKey> {
  let asked = 0;
  const create = (inTime: AbortSignal): Promise<SigningKey> => {
    asked++;
    return inner.createKey(id, type, inTime);
  };
  try {
    return await calls.other('create', create, signal);
  } catch (error) {
    if (asked < 2 || !hasCode(error, 'ALREADY_EXISTS')) throw error;
    // Ids are never used twice, so nobody else has made it.
    const made = (await listKeys(inner, calls, signal)).find((key) => key.id === id && key.type === type);
    if (made === undefined) throw error;
    return made;
  }
}

function listKeys(inner: KeyManager, calls: RemoteCalls, signal: AbortSignal): Promise<readonly SigningKey[]> {
  return calls.other('list', (inTime) => inner.listKeys(inTime), signal);
}

function publicPart({ id, type, publicKeySpki, reference }: SigningKey) {
  return { id, type, publicKeySpki, ...(reference !== undefined && { reference }) };
}
