import { createECDH, hash, randomUUID } from 'node:crypto';
import { SIGNATURE_ALGORITHMS } from '../../../server-stub/src/signer/algorithms.js';
import { encodeName } from '../../../server-stub/src/signer/distinguished-name.js';
import { JwtSigner } from '../../../server-stub/src/signer/jwt-signer.js';
import { LeafTemplate } from '../../../server-stub/src/signer/leaf-template.js';
import {
  packRequests,
  ResultWriter,
  unpackResults,
  type FromWorker,
} from '../../../server-stub/src/signer/mint-batch.js';
import { CURRENT_ISSUER } from '../../../server-stub/src/signer/mint-for-main.js';
import { PlainMint } from '../../../server-stub/src/signer/plain-mint.js';
import { startThread } from '../../../server-stub/src/signer/mint-thread.js';
import { SerialNumbers } from '../../../server-stub/src/signer/serial-numbers.js';
import { signedCertificate } from '../../../server-stub/src/signer/signed-certificate.js';
import { encodeTime, ValidityEncoder } from '../../../server-stub/src/signer/validity.js';
import { P256_SPKI_PREFIX, PKCS8_LENGTH, writePkcs8 } from '../../../server-stub/src/signer/workload-key.js';
import { X509Signer } from '../../../server-stub/src/signer/x509-signer.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { caCertificateOf, createSigner, keyInMemory, MINT_REQUEST } from '../mint.js';
import {
  certificateOfPieces,
  exportedPair,
  keyPairByItself,
  leafByLibrary,
  packedResults,
  serialByItself,
  tokenByJose,
  type LibraryLeaf,
} from './plain-minting.js';
import { Sink, type Trick } from './trick.js';

const KEYSET = 'ks_0000000000';
const HOUR_MS = 3_600_000;
const ALGORITHM = SIGNATURE_ALGORITHMS['EC-P256'];

const leaf: LibraryLeaf = {
  ...{ issuerType: 'EC-P256', issuer: [{ CN: KEYSET }], issuerKeyId: Buffer.alloc(20, 7), subject: [] },
  ...{ serial: Buffer.alloc(16, 0x41), notBefore: 1_790_000_000, notAfter: 1_790_003_600 },
  uri: MINT_REQUEST.spiffeId.toString(),
};

const leafTemplate: Trick = {
  name: 'certificate by template, of the X.509 library',
  unit: 'certificate, without its signature',
  open: () => {
    const sink = new Sink();
    const publicPoint = createECDH('prime256v1').generateKeys();
    const template = new LeafTemplate({
      signatureAlgorithm: ALGORITHM.identifier,
      issuer: encodeName([[{ oid: '2.5.4.3', value: KEYSET }]]),
      issuerKeyId: leaf.issuerKeyId,
      subject: encodeName([]),
    });
    const { serial, uri } = leaf;
    const [notBefore, notAfter] = [encodeTime(leaf.notBefore), encodeTime(leaf.notAfter)];
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) {
          const subjectKeyId = hash('sha1', publicPoint, 'binary');
          sink.kept = template.tbsUntilNext({ serial, notBefore, notAfter, publicPoint, subjectKeyId, uri });
        }
      },
      plain: async (times) => {
        for (let i = 0; i < times; i++) sink.kept = await leafByLibrary(leaf, publicPoint);
      },
    };
  },
};

const inOnePiece: Trick = {
  name: 'signed certificate in one piece, of joined pieces',
  unit: 'certificate',
  open: () => {
    const sink = new Sink();
    const [tbs, signature] = [Buffer.alloc(400, 5), Buffer.alloc(64, 0x9f)];
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = signedCertificate(tbs, ALGORITHM, signature);
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = certificateOfPieces(tbs, ALGORITHM, signature);
      },
    };
  },
};

const reusedEcdh: Trick = {
  name: 'key pair by a reused ECDH object, of generateKeyPairSync',
  unit: 'key pair',
  open: () => {
    const sink = new Sink();
    const ecdh = createECDH('prime256v1');
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = [ecdh.generateKeys(), ecdh.getPrivateKey()];
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = keyPairByItself();
      },
    };
  },
};

const keyTemplates: Trick = {
  name: 'PKCS#8 and SPKI by template, of export',
  unit: 'key pair',
  open: () => {
    const sink = new Sink();
    const ecdh = createECDH('prime256v1');
    const [point, scalar, pair] = [ecdh.generateKeys(), ecdh.getPrivateKey(), keyPairByItself()];
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) {
          const privateKey = Buffer.alloc(PKCS8_LENGTH);
          writePkcs8(scalar, point, privateKey, 0);
          sink.kept = { privateKey, publicKey: Buffer.concat([P256_SPKI_PREFIX, point]) };
        }
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = exportedPair(pair);
      },
    };
  },
};

const serials: Trick = {
  name: 'serial numbers drawn 256 at a time, of one at a time',
  unit: 'serial number',
  open: () => {
    const sink = new Sink();
    const numbers = new SerialNumbers();
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = numbers.next();
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = serialByItself();
      },
    };
  },
};

const timesOnce: Trick = {
  name: 'times encoded once per second, of once per certificate',
  unit: 'certificate, both times',
  open: () => {
    const sink = new Sink();
    const validity = new ValidityEncoder();
    const { notBefore, notAfter } = leaf;
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = validity.encode(notBefore, notAfter);
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = [encodeTime(notBefore), encodeTime(notAfter)];
      },
    };
  },
};

const subjectObject: Trick = {
  name: 'template found by the subject object, of by its content',
  unit: 'certificate, but for the cost of signing',
  open: async () => {
    const sink = new Sink();
    const { key } = keyInMemory();
    const signature = Buffer.alloc(64, 0x9f);
    const caCertificate = await caCertificateOf(key);
    const signer = new X509Signer(caCertificate, { ...key, signSync: () => signature });
    const publicPoint = createECDH('prime256v1').generateKeys();
    const subject = [[{ oid: '2.5.4.10', value: 'SPIRL' }], [{ oid: '2.5.4.3', value: 'checkout' }]];
    const request = { spiffeId: MINT_REQUEST.spiffeId, subject, ttlMs: HOUR_MS, publicPoint };
    const now = systemClock.now();
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = signer.signSync(request, now);
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = signer.signSync({ ...request, subject: [...subject] }, now);
      },
    };
  },
};

const jwsByHand: Trick = {
  name: 'JWT-SVID by hand, of jose',
  unit: 'token',
  open: () => {
    const sink = new Sink();
    const { key, privateKey } = keyInMemory();
    const signer = new JwtSigner({ keysetId: KEYSET, key, expiresAt: systemClock.now() + 24 * HOUR_MS });
    const { spiffeId } = MINT_REQUEST;
    const request = { spiffeId, audience: ['payments'], ttlMs: HOUR_MS, claims: {} };
    const authority = { type: key.type, keysetId: KEYSET, privateKey };
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = signer.signSync(request, systemClock.now()).token;
      },
      plain: async (times) => {
        for (let i = 0; i < times; i++) {
          const iat = Math.floor(systemClock.now() / 1000);
          const lifetime = { exp: iat + HOUR_MS / 1000, iat };
          const claims = { sub: spiffeId.toString(), aud: request.audience, ...lifetime, jti: randomUUID() };
          sink.kept = await tokenByJose(claims, authority);
        }
      },
    };
  },
};

const inPlace: Trick = {
  name: 'results written where they are transferred from, of packed afterwards',
  unit: 'SVID, its key included, but for the cost of signing',
  open: async () => {
    const sink = new Sink();
    const { key } = keyInMemory();
    const signature = Buffer.alloc(64, 0x9f);
    const signer = new X509Signer(await caCertificateOf(key), { ...key, signSync: () => signature });
    const plain = new PlainMint();
    const writer = new ResultWriter();
    const now = systemClock.now();
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) writer.add((out) => plain.mintInto(signer, MINT_REQUEST, now, out));
        sink.kept = writer.takeAll();
      },
      plain: (times) => {
        sink.kept = packedResults(Array.from({ length: times }, () => plain.mintSync(signer, MINT_REQUEST, now)));
      },
    };
  },
};

/** A mint worker that is asked directly: `mint` gives it `times` SVIDs, so many per message. */
async function openWorker() {
  const shared = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const signer = await createSigner(keyInMemory().key);
  if (signer.shared === undefined) throw new Error('a key in memory can be shared');
  const thread = startThread(shared);
  let heard: (message: FromWorker) => void = () => {};
  const ready = new Promise<FromWorker>((resolve) => (heard = resolve));
  thread.on('message', (message) => heard(message));
  await ready;
  Atomics.store(shared, CURRENT_ISSUER, 1);
  thread.postMessage({ is: 'issuer', issuer: 1, shared: signer.shared });
  const mint = (times: number, perMessage: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let left = times;
      heard = (message) => {
        const minted = message.is === 'minted' ? unpackResults(message.results, perMessage) : [];
        if (minted.some((one) => one === undefined)) reject(new Error('an SVID was not minted'));
        left -= minted.length;
        if (left <= 0) resolve();
      };
      for (let batch = 0; batch < times / perMessage; batch++) {
        const item = { request: MINT_REQUEST, now: systemClock.now() };
        const requests = packRequests(Array.from({ length: perMessage }, () => item));
        thread.postMessage({ is: 'batch', batch, issuer: 1, requests });
      }
    });
  return { mint, close: () => thread.terminate() };
}

const batches: Trick = {
  name: '32 SVIDs per message to a worker, of one per message',
  unit: 'SVID, minting included',
  open: async () => {
    const { mint, close } = await openWorker();
    return {
      trick: (times) => mint(times, times),
      plain: (times) => mint(times, 1),
      close: async () => {
        await close();
      },
    };
  },
};

export const mintingTricks: readonly Trick[] = [
  ...[leafTemplate, subjectObject, timesOnce, inOnePiece, reusedEcdh, keyTemplates, serials],
  ...[jwsByHand, inPlace, batches],
];
