import { createECDH, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { SpiffeId } from '../../src/domain/spiffe-id.js';
import { TrustDomain } from '../../src/domain/trust-domain.js';
import { systemClock } from '../../src/runtime/clock.js';
import { memorySigningKey } from '../../server-stub/src/key-manager/memory-key.js';
import { MINT_LIMITS } from '../../server-stub/src/signer/mint-limits.js';
import { PlainMint, type MintRequest } from '../../server-stub/src/signer/plain-mint.js';
import { X509Signer } from '../../server-stub/src/signer/x509-signer.js';
import { createSelfSigned } from '../../server-stub/src/upstream-authority/self-signed.js';
import type { SigningKey } from '../../server-stub/src/domain/signing-key.js';
import { interleave, ratios } from '../rounds.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';

const NEVER = new AbortController().signal;
const ID = SpiffeId.parse('spiffe://example.org/k8s/ns/default/sa/checkout');

/** What every SVID of these rows says. */
export const MINT_REQUEST: MintRequest = { spiffeId: ID, subject: [], ttlMs: 3_600_000 };

/** A P-256 key in memory: the sealed key manager's. */
export function keyInMemory(): { key: SigningKey; privateKey: KeyObject } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: memorySigningKey('bench', 'EC-P256', privateKey), privateKey };
}

/** DER of a self-signed CA certificate for this key. */
export async function caCertificateOf(key: SigningKey): Promise<Uint8Array> {
  const ca = await createSelfSigned({ clock: systemClock }).mintCa(
    { key, keysetId: 'ks_0000000000', trustDomain: TrustDomain.parse('example.org'), preferredTtlMs: 90 * 86_400_000 },
    NEVER,
  );
  return ca.caCertificate;
}

/** The signer of a self-signed keyset with this key. */
export async function createSigner(key: SigningKey): Promise<X509Signer> {
  return new X509Signer(await caCertificateOf(key), key);
}

/** Mints in this thread, as the server does while it has no worker: workload key made and certificate signed. */
export function createMint(signer: X509Signer): (times: number) => void {
  const plain = new PlainMint();
  return (times) => {
    const now = systemClock.now();
    for (let i = 0; i < times; i++) plain.mintSync(signer, MINT_REQUEST, now);
  };
}

/** The same on one core for `ms`, with a turn of the event loop after each slice as the server gives it; returns how many. */
export async function mintOnOneCore(mint: (times: number) => void, ms: number): Promise<number> {
  let minted = 0;
  for (const end = performance.now() + ms; performance.now() < end; minted += MINT_LIMITS.slice) {
    mint(MINT_LIMITS.slice);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return minted;
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const { key, privateKey } = keyInMemory();
  const mint = createMint(await createSigner(key));
  const ecdh = createECDH('prime256v1');
  const data = Buffer.alloc(400, 7);
  const anchor = (times: number): void => {
    for (let i = 0; i < times; i++) {
      ecdh.generateKeys();
      sign('sha256', data, privateKey);
    }
  };
  const samples = await interleave({ mint, anchor }, effort);
  const rate = spreadOf(samples.mint.map(({ perCpuSecond }) => perCpuSecond)).median;
  return [
    {
      name: 'X.509-SVIDs per CPU second',
      ratios: ratios(samples.mint, samples.anchor, 'perCpuSecond'),
      target: { is: 'at least', value: 0.78 },
      absolute: { 'SVIDs per CPU second': rate.toFixed(0) },
    },
    heapPerSvid(mint),
  ];
}

const TARGET_KIB = 4;

/** JS heap allocated per SVID; few enough are made that no collection falls between the two readings (the least of five tries). */
function heapPerSvid(mint: (times: number) => void): Figure {
  const times = 200;
  const kib: number[] = [];
  for (let i = 0; i < 15; i++) {
    const before = process.memoryUsage().heapUsed;
    mint(times);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown > 0) kib.push(grown / 1024 / times);
  }
  return {
    name: `JS heap per SVID, of ${TARGET_KIB} KiB`,
    ratios: kib.map((value) => value / TARGET_KIB),
    target: { is: 'at most', value: 1 },
    absolute: { 'KiB per SVID': spreadOf(kib).median.toFixed(2) },
  };
}

export const mintRow: Row = {
  id: 'B1',
  work: 'X.509-SVID minted in process (workload key made and signed), one core',
  anchor: 'reused createECDH().generateKeys() and crypto.sign',
  measure,
};
