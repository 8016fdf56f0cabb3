import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import {
  CKA,
  CKF,
  CKK,
  CKM,
  CKO,
  type Attribute,
  type Cryptoki,
  type Handle,
  type Mechanism,
} from '../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import { ModuleUsers } from '../../server-stub/src/key-manager/pkcs11/module-users.js';
import { signDigestRaw } from './prehashed-ecdsa.js';

/** What a module throws. */
export class CkError extends Error {
  readonly code: number;
  constructor(name: string, code: number) {
    super(name);
    this.code = code;
  }
}

export const CKR_ERRORS = {
  SESSION_COUNT: new CkError('CKR_SESSION_COUNT', 0xb1),
  SESSION_HANDLE_INVALID: new CkError('CKR_SESSION_HANDLE_INVALID', 0xb3),
  DEVICE_REMOVED: new CkError('CKR_DEVICE_REMOVED', 0x32),
  TOKEN_NOT_PRESENT: new CkError('CKR_TOKEN_NOT_PRESENT', 0xe0),
  KEY_HANDLE_INVALID: new CkError('CKR_KEY_HANDLE_INVALID', 0x60),
  MECHANISM_INVALID: new CkError('CKR_MECHANISM_INVALID', 0x70),
  PIN_INCORRECT: new CkError('CKR_PIN_INCORRECT', 0xa0),
  PIN_LOCKED: new CkError('CKR_PIN_LOCKED', 0xa4),
  USER_NOT_LOGGED_IN: new CkError('CKR_USER_NOT_LOGGED_IN', 0x101),
  ALREADY_LOGGED_IN: new CkError('CKR_USER_ALREADY_LOGGED_IN', 0x100),
  ALREADY_INITIALIZED: new CkError('CKR_CRYPTOKI_ALREADY_INITIALIZED', 0x191),
  VENDOR: new CkError('', 0x80000001),
} as const;

interface TokenObject {
  readonly attributes: ReadonlyMap<number, Attribute['value']>;
  readonly secret: KeyObject;
}

/** A module with one token, and what a test can do to it. Several `FakeCryptoki` share it, as the threads of a process do. */
export class FakeModule {
  label = 'tokens of tests';
  pin = '1234';
  flags: number = CKF.LOGIN_REQUIRED;
  present = true;
  /** Sessions that the token has room for. */
  room = 64;
  /** Octets of EC points without their OCTET STRING. */
  barePoints = false;
  initialized = false;
  seen = true;
  loggedIn = false;
  /** PINs that were tried, in order. */
  readonly tries: string[] = [];
  readonly objects = new Map<number, TokenObject>();
  readonly sessions = new Set<number>();
  readonly users = new ModuleUsers();
  /** A token that came back is seen only after the module was begun anew. */
  needsNewBeginning = false;
  /** In sessions that were open when it was pulled out the token looks empty, as in SoftHSM. */
  looksEmpty = false;
  /** Thrown once by the next call of that name. */
  readonly failNext = new Map<keyof Cryptoki, Error>();
  readonly calls: (keyof Cryptoki)[] = [];
  #next = 1;

  newHandle(): number {
    return this.#next++;
  }

  /** The token is pulled out: its sessions and its login go with it. */
  remove(): void {
    this.present = false;
    if (this.looksEmpty) return;
    this.sessions.clear();
    this.loggedIn = false;
    this.seen = !this.needsNewBeginning;
  }

  insert(): void {
    this.present = true;
  }
}

const handle = (number: number): Handle => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(number);
  return bytes;
};
const numberOf = (bytes: Handle): number => bytes.readUInt32LE(0);

/** A module's calls over keys in memory. */
export class FakeCryptoki implements Cryptoki {
  readonly #module: FakeModule;
  #found: readonly Handle[] = [];
  #signing: { readonly key: TokenObject; readonly mechanism: number } | undefined;

  constructor(module: FakeModule) {
    this.#module = module;
  }

  load(): void {
    this.#enter('load');
  }

  C_Initialize(): void {
    this.#enter('C_Initialize');
    if (this.#module.initialized) throw CKR_ERRORS.ALREADY_INITIALIZED;
    this.#module.initialized = true;
  }

  C_Finalize(): void {
    this.#enter('C_Finalize');
    this.#module.initialized = false;
    this.#module.sessions.clear();
    this.#module.loggedIn = false;
    this.#module.seen = true;
  }

  C_GetSlotList(): readonly Handle[] {
    this.#enter('C_GetSlotList');
    return this.#module.present && this.#module.seen ? [handle(7)] : [];
  }

  C_GetTokenInfo(): { label: string; flags: number } {
    this.#enter('C_GetTokenInfo');
    if (!this.#module.present) throw CKR_ERRORS.TOKEN_NOT_PRESENT;
    return { label: this.#module.label.padEnd(32), flags: this.#module.flags };
  }

  C_OpenSession(): Handle {
    this.#enter('C_OpenSession');
    if (!this.#module.present) throw CKR_ERRORS.TOKEN_NOT_PRESENT;
    if (this.#module.sessions.size >= this.#module.room) throw CKR_ERRORS.SESSION_COUNT;
    const session = this.#module.newHandle();
    this.#module.sessions.add(session);
    return handle(session);
  }

  C_CloseSession(session: Handle): void {
    this.#in('C_CloseSession', session);
    this.#module.sessions.delete(numberOf(session));
    if (this.#module.sessions.size === 0) this.#module.loggedIn = false;
  }

  C_Login(session: Handle, _: number, pin: string): void {
    this.#in('C_Login', session);
    const module = this.#module;
    if (module.loggedIn) throw CKR_ERRORS.ALREADY_LOGGED_IN;
    module.tries.push(pin);
    if (pin !== module.pin) throw CKR_ERRORS.PIN_INCORRECT;
    module.loggedIn = true;
  }

  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void {
    this.#in('C_FindObjectsInit', session);
    const { objects, loggedIn, present } = this.#module;
    const matches = [...(present ? objects : [])].filter(([, { attributes }]) => {
      if (attributes.get(CKA.PRIVATE) === true && !loggedIn) return false;
      return template.every(({ type, value }) => same(attributes.get(type), value));
    });
    this.#found = matches.map(([number]) => handle(number));
  }

  C_FindObjects(): readonly Handle[] {
    this.#enter('C_FindObjects');
    return this.#found;
  }

  C_FindObjectsFinal(): void {
    this.#enter('C_FindObjectsFinal');
  }

  C_GetAttributeValue(session: Handle, object: Handle, template: readonly Attribute[]): readonly Attribute[] {
    this.#in('C_GetAttributeValue', session);
    return template.map(({ type }) => {
      const value = this.#object(object).attributes.get(type);
      return { type, value: typeof value === 'number' ? handle(value) : (value ?? Buffer.alloc(0)) };
    });
  }

  C_GenerateKeyPair(
    session: Handle,
    { mechanism }: Mechanism,
    publicKey: readonly Attribute[],
    privateKey: readonly Attribute[],
  ): { publicKey: Handle; privateKey: Handle } {
    this.#in('C_GenerateKeyPair', session);
    if (!this.#module.loggedIn) throw CKR_ERRORS.USER_NOT_LOGGED_IN;
    const params = publicKey.find(({ type }) => type === CKA.EC_PARAMS)?.value as Buffer | undefined;
    const { secret, extra } = mechanism === CKM.EC_KEY_PAIR_GEN ? this.#ecPair(params) : rsaPair();
    const add = (kind: number, attributes: readonly Attribute[]): Handle => {
      const all = [...attributes, { type: CKA.CLASS, value: kind }, ...extra];
      const number = this.#module.newHandle();
      this.#module.objects.set(number, { secret, attributes: new Map(all.map(({ type, value }) => [type, value])) });
      return handle(number);
    };
    return { publicKey: add(CKO.PUBLIC_KEY, publicKey), privateKey: add(CKO.PRIVATE_KEY, privateKey) };
  }

  C_DestroyObject(session: Handle, object: Handle): void {
    this.#in('C_DestroyObject', session);
    this.#module.objects.delete(numberOf(object));
  }

  C_SignInit(session: Handle, { mechanism }: Mechanism, key: Handle): void {
    this.#in('C_SignInit', session);
    this.#signing = { key: this.#object(key), mechanism };
  }

  C_Sign(session: Handle, data: Buffer, out: Buffer): Buffer {
    this.#in('C_Sign', session);
    if (this.#signing === undefined) throw CKR_ERRORS.SESSION_HANDLE_INVALID;
    const { key, mechanism } = this.#signing;
    const signature = signatureOf(key.secret, mechanism, data);
    signature.copy(out);
    return out.subarray(0, signature.length);
  }

  #ecPair(params: Buffer | undefined): { secret: KeyObject; extra: readonly Attribute[] } {
    const namedCurve = params?.toString('hex') === '06052b81040022' ? 'P-384' : 'P-256';
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    const value = this.#module.barePoints ? point : Buffer.concat([Buffer.of(4, point.length), point]);
    const extra = [
      { type: CKA.KEY_TYPE, value: CKK.EC },
      { type: CKA.EC_POINT, value },
    ];
    return { secret: privateKey, extra };
  }

  #object(object: Handle): TokenObject {
    const found = this.#module.objects.get(numberOf(object));
    if (found === undefined) throw CKR_ERRORS.KEY_HANDLE_INVALID;
    return found;
  }

  #in(name: keyof Cryptoki, session: Handle): void {
    this.#enter(name);
    if (!this.#module.sessions.has(numberOf(session))) throw CKR_ERRORS.SESSION_HANDLE_INVALID;
  }

  #enter(name: keyof Cryptoki): void {
    this.#module.calls.push(name);
    const error = this.#module.failNext.get(name);
    this.#module.failNext.delete(name);
    if (error !== undefined) throw error;
  }
}

function rsaPair(): { secret: KeyObject; extra: readonly Attribute[] } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const extra = [
    { type: CKA.KEY_TYPE, value: CKK.RSA },
    { type: CKA.MODULUS, value: Buffer.from(n, 'base64url') },
    { type: CKA.PUBLIC_EXPONENT, value: Buffer.from(e, 'base64url') },
  ];
  return { secret: privateKey, extra };
}

function signatureOf(secret: KeyObject, mechanism: number, data: Buffer): Buffer {
  switch (mechanism) {
    case CKM.ECDSA:
      return signDigestRaw(secret, data);
    case CKM.ECDSA_SHA256:
      return sign('sha256', data, { key: secret, dsaEncoding: 'ieee-p1363' });
    case CKM.ECDSA_SHA384:
      return sign('sha384', data, { key: secret, dsaEncoding: 'ieee-p1363' });
    case CKM.SHA256_RSA_PKCS:
      return sign('sha256', data, secret);
    default:
      throw CKR_ERRORS.MECHANISM_INVALID;
  }
}

function same(a: Attribute['value'], b: Attribute['value']): boolean {
  return Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : a === b;
}
