import { createECDH, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { SpiffeId } from '../../src/domain/spiffe-id.js';
import { TrustDomain } from '../../src/domain/trust-domain.js';
import { systemClock } from '../../src/runtime/clock.js';
import { WorkloadKeys } from '../../server-stub/src/signer/workload-key.js';
import { X509Signer } from '../../server-stub/src/signer/x509-signer.js';
import { createSelfSigned } from '../../server-stub/src/upstream-authority/self-signed.js';
import type { SigningKey } from '../../server-stub/src/domain/signing-key.js';
import { interleave, ratios } from '../rounds.js';
import { spreadOf, type Effort, type Figure, type Row } from '../row.js';

const NEVER = new AbortController().signal;
const ID = SpiffeId.parse('spiffe://example.org/k8s/ns/default/sa/checkout');

/** A P-256 key in memory, as the sealed key manager holds one. */
export function keyInMemory(): { key: SigningKey; privateKey: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signSync = (data: Uint8Array): Uint8Array =>
    sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const key: SigningKey = {
    id: 'bench',
    type: 'EC-P256',
    publicKeySpki: publicKey.export({ format: 'der', type: 'spki' }),
    sign: (data) => Promise.resolve(signSync(data)),
    signSync,
  };
  return { key, privateKey };
}

/** A function that mints one X.509-SVID in process: workload key made and certificate signed. */
export async function createMint(key: SigningKey): Promise<(times: number) => Promise<void>> {
  const ca = await createSelfSigned({ clock: systemClock }).mintCa(
    { key, keysetId: 'ks_0000000000', trustDomain: TrustDomain.parse('example.org'), preferredTtlMs: 90 * 86_400_000 },
    NEVER,
  );
  const signer = new X509Signer(ca.caCertificate, key);
  const keys = new WorkloadKeys();
  return async (times) => {
    const now = systemClock.now();
    for (let i = 0; i < times; i++) {
      const { publicPoint } = keys.next();
      await signer.sign({ spiffeId: ID, subject: [], ttlMs: 3_600_000, publicPoint }, now, NEVER);
    }
  };
}

async function measure(effort: Effort): Promise<readonly Figure[]> {
  const { key, privateKey } = keyInMemory();
  const mint = await createMint(key);
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
    await heapPerSvid(mint),
  ];
}

const TARGET_KIB = 4;

/** JS heap allocated per SVID; few enough are made that no collection falls between the two readings (the least of five tries). */
async function heapPerSvid(mint: (times: number) => Promise<void>): Promise<Figure> {
  const times = 200;
  const kib: number[] = [];
  for (let i = 0; i < 15; i++) {
    const before = process.memoryUsage().heapUsed;
    await mint(times);
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
