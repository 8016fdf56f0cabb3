import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SealedRecord } from '../../../server-stub/src/domain/record-store.js';
import { createSealer } from '../../../server-stub/src/key-wrapping/envelope.js';
import { openLocalWrapper } from '../../../server-stub/src/key-wrapping/local-wrapper.js';
import { recordNameOf } from '../../../server-stub/src/store/file/record-file.js';

/** What only the holder of a state directory with its KEK file can know. */
export interface Unsealed {
  readonly kek: Buffer;
  /** Data keys of all sealed records. */
  readonly deks: readonly Buffer[];
  /** Of the signing keys, by keyset id: big-endian, 32 octets. */
  readonly scalars: ReadonlyMap<string, Buffer>;
}

interface KeyValue {
  readonly type: string;
  readonly format: number;
  readonly privateKey: SealedRecord;
}

/** Opens what a server with the local KEK has sealed in `stateDir`. */
export async function unseal(stateDir: string, deploymentId: string): Promise<Unsealed> {
  const kekFile = join(stateDir, 'kek');
  const wrapper = await openLocalWrapper({ kekFile, recordsExist: true });
  const sealer = createSealer(wrapper, deploymentId);
  const never = new AbortController().signal;
  const scalars = new Map<string, Buffer>();
  const deks: Buffer[] = [];
  for (const { name, value } of recordsOf(stateDir)) {
    for (const sealed of sealedIn(value)) {
      deks.push(
        Buffer.from(
          await wrapper.unwrap(
            { bytes: Buffer.from(sealed.wrappedDek, 'base64') },
            { deploymentId, record: name },
            never,
          ),
        ),
      );
    }
    const [, keysetId] = /^keysets\/(.*)$/.exec(name) ?? [];
    if (keysetId === undefined) continue;
    const { privateKey, type, format } = value as KeyValue;
    const context = { record: name, keysetId, keyType: type, recordFormat: String(format) };
    const pkcs8 = await sealer.open(privateKey, context, never);
    const { d = '' } = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
    scalars.set(keysetId, Buffer.from(d, 'base64url'));
  }
  return { kek: Buffer.from(readFileSync(kekFile, 'utf8').trim(), 'base64'), deks, scalars };
}

function recordsOf(stateDir: string): readonly { readonly name: string; readonly value: unknown }[] {
  return readdirSync(stateDir, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const name = entry.isFile() ? recordNameOf(entry.name) : undefined;
    if (name === undefined) return [];
    return [
      {
        name,
        value: (JSON.parse(readFileSync(join(entry.parentPath, entry.name), 'utf8')) as { value: unknown }).value,
      },
    ];
  });
}

/** Sealed records stand at any depth. */
function sealedIn(value: unknown): readonly SealedRecord[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('wrappedDek' in value) return [value as SealedRecord];
  return Object.values(value).flatMap(sealedIn);
}
