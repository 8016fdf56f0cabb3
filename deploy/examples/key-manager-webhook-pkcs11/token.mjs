// Key pairs in a PKCS#11 token: CKA_ID is the key's id, CKA_LABEL of both halves says that it is ours; the label of the public
// half turns into `released <milliseconds>` when a key is released.
import { createHash, createPublicKey } from 'node:crypto';
import pkcs11 from 'pkcs11js';

const LABEL = 'spirl key manager webhook';
const CURVES = {
  'EC-P256': { params: '06082a8648ce3d030107', crv: 'P-256', size: 32 },
  'EC-P384': { params: '06052b81040022', crv: 'P-384', size: 48 },
};

export class NoSuchKey extends Error {}
export class TokenAway extends Error {}

/** Throws when the token does not let us in: a wrong PIN ends the program, it is never tried again. */
export function openToken(settings) {
  const module = new pkcs11.PKCS11();
  module.load(settings.modulePath);
  const token = new Token(module, settings);
  token.open();
  return token;
}

class Token {
  #module;
  #settings;
  #session;
  /** Private half, public half by id; filled as keys are used. */
  #known = new Map();

  constructor(module, settings) {
    this.#module = module;
    this.#settings = settings;
  }

  open() {
    const { pin } = this.#settings;
    this.#module.C_Initialize({ flags: pkcs11.CKF_OS_LOCKING_OK });
    const slot = this.#slot();
    const { flags } = this.#module.C_GetTokenInfo(slot);
    if (flags & pkcs11.CKF_USER_PIN_FINAL_TRY)
      throw new Error('one wrong PIN more would lock the token: log in once by hand');
    this.#session = this.#module.C_OpenSession(slot, pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION);
    this.#module.C_Login(this.#session, pkcs11.CKU_USER, pin);
  }

  #slot() {
    const { tokenLabel } = this.#settings;
    const slot = this.#module
      .C_GetSlotList(true)
      .find((id) => this.#module.C_GetTokenInfo(id).label.trim() === tokenLabel);
    if (slot === undefined) throw new TokenAway(`there is no token ${tokenLabel}`);
    return slot;
  }

  has(id) {
    return this.#asked(() => this.#find(pkcs11.CKO_PRIVATE_KEY, id).length > 0);
  }

  keys() {
    return this.#asked(() => {
      const keys = this.#find(pkcs11.CKO_PUBLIC_KEY).map((handle) => {
        const id = this.#read(handle, pkcs11.CKA_ID).toString('utf8');
        return { id, ...this.#described(handle) };
      });
      // Some modules show an empty token where one was pulled out.
      this.#slot();
      return keys;
    });
  }

  createKey(id, type) {
    return this.#asked(() => {
      const both = [
        { type: pkcs11.CKA_TOKEN, value: true },
        { type: pkcs11.CKA_LABEL, value: Buffer.from(LABEL) },
        { type: pkcs11.CKA_ID, value: Buffer.from(id) },
      ];
      const { publicKey } = this.#module.C_GenerateKeyPair(
        this.#session,
        { mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN, parameter: null },
        [
          ...both,
          { type: pkcs11.CKA_VERIFY, value: true },
          { type: pkcs11.CKA_EC_PARAMS, value: Buffer.from(CURVES[type].params, 'hex') },
        ],
        [
          ...both,
          { type: pkcs11.CKA_PRIVATE, value: true },
          { type: pkcs11.CKA_SENSITIVE, value: true },
          { type: pkcs11.CKA_EXTRACTABLE, value: false },
          { type: pkcs11.CKA_MODIFIABLE, value: false },
          { type: pkcs11.CKA_SIGN, value: true },
        ],
      );
      return this.#described(publicKey);
    });
  }

  sign(id, digest) {
    return this.#asked(() => {
      const { handle, fingerprint } = this.#key(id);
      this.#module.C_SignInit(this.#session, { mechanism: pkcs11.CKM_ECDSA, parameter: null }, handle);
      const raw = this.#module.C_Sign(this.#session, digest, Buffer.alloc(132));
      return { signature: derOf(raw), fingerprint };
    });
  }

  /** The key signs no more at once; it is destroyed when the time of grace is over. */
  release(id) {
    this.#asked(() => {
      const [handle] = this.#find(pkcs11.CKO_PUBLIC_KEY, id);
      if (handle === undefined) throw new NoSuchKey(`there is no key ${id}`);
      const value = Buffer.from(`released ${Date.now()}`);
      this.#module.C_SetAttributeValue(this.#session, handle, [{ type: pkcs11.CKA_LABEL, value }]);
      this.#known.delete(id);
    });
    this.forgetReleased();
  }

  forgetReleased() {
    this.#asked(() => {
      for (const handle of this.#find(pkcs11.CKO_PUBLIC_KEY, undefined, null)) {
        const [, at] = /^released ([0-9]+)$/.exec(this.#read(handle, pkcs11.CKA_LABEL).toString('utf8')) ?? [];
        if (at === undefined || Number(at) + this.#settings.graceMs > Date.now()) continue;
        const id = this.#read(handle, pkcs11.CKA_ID).toString('utf8');
        for (const half of [...this.#find(pkcs11.CKO_PRIVATE_KEY, id), handle])
          this.#module.C_DestroyObject(this.#session, half);
      }
    });
  }

  #key(id) {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const [publicHalf] = this.#find(pkcs11.CKO_PUBLIC_KEY, id);
    const [handle] = this.#find(pkcs11.CKO_PRIVATE_KEY, id);
    if (publicHalf === undefined || handle === undefined) throw new NoSuchKey(`there is no key ${id}`);
    const key = { handle, fingerprint: this.#described(publicHalf).fingerprint };
    this.#known.set(id, key);
    return key;
  }

  #described(handle) {
    const params = this.#read(handle, pkcs11.CKA_EC_PARAMS).toString('hex');
    const { crv, size } = Object.values(CURVES).find((curve) => curve.params === params);
    // CKA_EC_POINT is an OCTET STRING: two octets, 04, x, y.
    const point = this.#read(handle, pkcs11.CKA_EC_POINT).subarray(-2 * size);
    const [x, y] = [point.subarray(0, size), point.subarray(size)].map((half) => half.toString('base64url'));
    const key = createPublicKey({ key: { kty: 'EC', crv, x, y }, format: 'jwk' });
    const der = key.export({ type: 'spki', format: 'der' });
    return {
      publicKey: key.export({ type: 'spki', format: 'pem' }),
      fingerprint: `sha256:${createHash('sha256').update(der).digest('hex')}`,
    };
  }

  #find(kind, id, label = LABEL) {
    const template = [
      { type: pkcs11.CKA_CLASS, value: kind },
      { type: pkcs11.CKA_TOKEN, value: true },
    ];
    if (label !== null) template.push({ type: pkcs11.CKA_LABEL, value: Buffer.from(label) });
    if (id !== undefined) template.push({ type: pkcs11.CKA_ID, value: Buffer.from(id) });
    this.#module.C_FindObjectsInit(this.#session, template);
    try {
      return this.#module.C_FindObjects(this.#session, 10_000);
    } finally {
      this.#module.C_FindObjectsFinal(this.#session);
    }
  }

  #read(handle, type) {
    return this.#module.C_GetAttributeValue(this.#session, handle, [{ type }])[0].value;
  }

  /** Anything that goes wrong in the token ends the session; the next request opens it again. */
  #asked(work) {
    try {
      if (this.#session === undefined) this.open();
      return this.#lookedTwice(work);
    } catch (error) {
      if (error instanceof NoSuchKey) throw error;
      if (error instanceof pkcs11.Pkcs11Error && error.message.includes('PIN')) {
        console.error(`the token refused the PIN (${error.message}); it is not tried again`);
        process.exit(1);
      }
      this.#close();
      throw error instanceof pkcs11.Pkcs11Error ? new TokenAway(`the token is away (${error.message})`) : error;
    }
  }

  /** Some modules show an empty token where one was pulled out: a key is missing only when it is missing after an opening too. */
  #lookedTwice(work) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof NoSuchKey)) throw error;
      this.#close();
      this.open();
      return work();
    }
  }

  #close() {
    this.#session = undefined;
    this.#known.clear();
    try {
      this.#module.C_Finalize();
    } catch {
      // It was not even begun.
    }
  }
}

/** ECDSA signature r||s as the DER form that relying parties know. */
function derOf(raw) {
  const integers = [raw.subarray(0, raw.length / 2), raw.subarray(raw.length / 2)].map((half) => {
    let first = half.findIndex((octet) => octet !== 0);
    if (first < 0) first = half.length - 1;
    const bytes = half[first] & 0x80 ? Buffer.concat([Buffer.of(0), half.subarray(first)]) : half.subarray(first);
    return Buffer.concat([Buffer.of(2, bytes.length), bytes]);
  });
  const body = Buffer.concat(integers);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}
