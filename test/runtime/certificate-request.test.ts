import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import test from 'ava';
import { createKeyAndRequest, publicKeyOfRequest } from '../../src/runtime/certificate-request.js';
import { Pkcs10CertificateRequest, Pkcs10CertificateRequestGenerator } from '../../src/runtime/x509.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** What a request says before its signature, with the head of the whole left out. */
const saidBy = (csr: Buffer): string => csr.subarray(3, 3 + 100 + 12).toString('hex');

test('a request is, but for its signature, what the library for certificates writes', async (t) => {
  for (let i = 0; i < 20; i++) {
    const { csr, privateKey, publicKeySpki } = await createKeyAndRequest();
    const keys = {
      privateKey: await webcrypto.subtle.importKey('pkcs8', privateKey, P256, true, ['sign']),
      publicKey: await webcrypto.subtle.importKey('spki', publicKeySpki, P256, true, ['verify']),
    };
    const byLibrary = await Pkcs10CertificateRequestGenerator.create({ name: '', keys, signingAlgorithm: P256 });
    t.is(saidBy(csr), saidBy(Buffer.from(byLibrary.rawData)));
    const read = new Pkcs10CertificateRequest(csr);
    t.true(await read.verify());
    t.is(read.subject, '');
    t.deepEqual(Buffer.from(read.rawData), csr);
  }
});

test('the key of a request is the one that was made with it', async (t) => {
  const { csr, privateKey, publicKeySpki } = await createKeyAndRequest();
  t.deepEqual(await publicKeyOfRequest(csr), publicKeySpki);
  const key = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' });
  t.deepEqual(createPublicKey(key).export({ format: 'der', type: 'spki' }), publicKeySpki);
});

test('a request that was changed is refused', async (t) => {
  const { csr } = await createKeyAndRequest();
  for (const at of [60, 80, 100, csr.length - 1]) {
    const changed = Buffer.from(csr);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    await t.throwsAsync(() => publicKeyOfRequest(changed), { code: 'INVALID_REQUEST' }, `byte ${at}`);
  }
});
