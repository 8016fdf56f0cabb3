import { createPublicKey, randomBytes, verify, X509Certificate } from 'node:crypto';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import * as x509 from '../../../src/runtime/x509.js';
import type { SigningState } from '../../../server-stub/src/domain/keyset.js';
import type { Sealer } from '../../../server-stub/src/domain/record-store.js';
import type { KeyManager } from '../../../server-stub/src/domain/key-manager.js';
import { createSealedKeyManager } from '../../../server-stub/src/key-manager/sealed-key-manager.js';
import { createSealer } from '../../../server-stub/src/key-wrapping/envelope.js';
import type { Wrapper } from '../../../server-stub/src/key-wrapping/wrapper.js';
import type {
  CaRequest,
  KeyManagers,
  KeysetEvent,
  KeysetParts,
  MintedCa,
  Publisher,
} from '../../../server-stub/src/keyset/keyset-parts.js';
import { KeysetService } from '../../../server-stub/src/keyset/keyset-service.js';
import { openKeysets } from '../../../server-stub/src/keyset/open-keysets.js';
import { openFileStore, type FileStore } from '../../../server-stub/src/store/file/file-store.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { MemoryFileSystem } from '../../fakes/memory-file-system.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { policy } from './rings.js';

export const signal = new AbortController().signal;
export const operator = { name: 'uid:0' };

/** What a test can put in the place of the usual parts. */
export interface Options {
  readonly files?: MemoryFileSystem;
  readonly clock?: FakeClock;
  readonly kek?: string;
  /** Instead of one whose KEK is `kek`. */
  readonly wrapper?: Wrapper;
  readonly publisher?: Publisher;
  readonly parts?: Partial<KeysetParts>;
  /** Made for this deployment's store. */
  readonly keyManagers?: (store: FileStore, sealer: Sealer) => KeyManagers;
}

/** The keysets of a deployment on a disk in memory. Opening it again on the same disk is a restart. */
export async function openDeployment(options: Options = {}) {
  const { files = new MemoryFileSystem(), clock = new FakeClock(), kek = 'kek-1' } = options;
  const store = await openFileStore('/state', files, () => Promise.resolve({ release: () => Promise.resolve() }));
  const sealer = createSealer(options.wrapper ?? memoryWrapper(kek), 'tdd-1');
  const [events, published, logger] = [[] as KeysetEvent[], [] as number[], new RecordingLogger()];
  const parts: KeysetParts = {
    store,
    sealer,
    keyManagers: options.keyManagers?.(store, sealer) ?? onlyKeyManager(createSealedKeyManager({ store, sealer })),
    upstream: { mintCa: (request) => mintCa(request, clock.now()) },
    audit: { keysetChanged: (event) => events.push(event) },
    clock,
    logger,
    trustDomain: TrustDomain.parse('example.org'),
    deploymentId: 'tdd-1',
    holder: 'replica-0',
    policy,
    ...options.parts,
  };
  const opened = await openKeysets(parts, signal);
  const remembering: Publisher = {
    published: (revision) => {
      published.push(revision);
      return Promise.resolve();
    },
  };
  const service = new KeysetService(parts, opened, options.publisher ?? remembering);
  return { files, clock, store, sealer, parts, service, events, published, logger };
}

export type Deployment = Awaited<ReturnType<typeof openDeployment>>;

/** A deployment's only key manager, whatever it is asked for. */
export function onlyKeyManager(manager: KeyManager): KeyManagers {
  const { custody } = manager;
  return {
    next: () => Promise.resolve({ custody, manager, keyType: 'EC-P256' }),
    holder: () => Promise.resolve(manager),
    settle: () => Promise.resolve(),
  };
}

/** `ks_…:STATE` of each keyset, newest first, with short names in the order in which the test met the ids. */
export function statesOf({ ring }: SigningState): string[] {
  return ring.keysets.map(({ state }) => state);
}

export function activeId({ ring }: SigningState): string {
  return ring.keysets.find(({ state }) => state === 'ACTIVE')?.id ?? '';
}

/** Throws unless each keyset can sign what its certificate and its JWT authority verify. */
export function requireUsable({ ring, keys }: SigningState): void {
  for (const { id, caCertificate, jwtPublicSpki } of ring.keysets) {
    const signature = keys.get(id)?.x509.signSync?.(Buffer.from('x'));
    const jwtKey = createPublicKey({ key: Buffer.from(jwtPublicSpki), format: 'der', type: 'spki' });
    for (const key of [new X509Certificate(caCertificate).publicKey, jwtKey]) {
      const good = signature && verify('sha256', Buffer.from('x'), { key, dsaEncoding: 'ieee-p1363' }, signature);
      if (good !== true) throw new Error(`keyset ${id} cannot be used`);
    }
  }
  if (keys.size !== ring.keysets.length) throw new Error('keys of no keyset');
}

/** A wrapper whose KEK is its name. */
function memoryWrapper(kek: string) {
  const mask = Buffer.alloc(32, kek);
  const xor = (bytes: Uint8Array) => Promise.resolve(Buffer.from(bytes.map((byte, i) => byte ^ (mask[i] ?? 0))));
  return {
    name: 'memory',
    kek,
    wrap: async (dek: Uint8Array) => ({ bytes: await xor(dek) }),
    unwrap: ({ bytes }: { bytes: Uint8Array }) => xor(bytes),
  };
}

/** A certificate in which only what keysets look at is right. */
export async function mintCa({ key, keysetId, preferredTtlMs }: CaRequest, now: number): Promise<MintedCa> {
  const notAfter = Math.floor((now + preferredTtlMs) / 1000) * 1000;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: `01${randomBytes(8).toString('hex')}`,
      subject: `CN=${keysetId}`,
      issuer: `CN=${keysetId}`,
      notBefore: new Date(now),
      notAfter: new Date(notAfter),
      publicKey: new x509.PublicKey(key.publicKeySpki),
      signingAlgorithm: algorithm,
      signingKey: { algorithm },
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    },
    {
      subtle: {
        sign: async (_a: unknown, _k: unknown, data: ArrayBuffer) =>
          Uint8Array.from(await key.sign(new Uint8Array(data), signal)).buffer,
      },
    },
  );
  const caCertificate = new Uint8Array(certificate.rawData);
  return { caCertificate, intermediates: [], x509Authorities: [caCertificate], notAfter };
}
