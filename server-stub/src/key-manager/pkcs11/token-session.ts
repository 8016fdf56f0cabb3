import type { KeyType } from '../../domain/signing-key.js';
import { CKA, CKF, CKK, CKM, CKO, CKU_USER, type Attribute, type Cryptoki, type Handle } from './cryptoki.js';
import type { AnswerTo, KeyName, TokenCall, TokenKey, TokenPlace, TokenPublicKey } from './token-calls.js';
import { CKR, codeOf, TokenError } from './token-failure.js';

/** Keys of one deployment; more is a mistake. */
const MAX_KEYS = 1_000;
/** RSA-2048 has 256 octets. */
const MAX_SIGNATURE = 512;

/** A session with a token. Every call blocks the thread; a module's errors come out as it made them. */
export class TokenSession {
  readonly #cryptoki: Cryptoki;
  #loaded = false;
  #session: Handle | undefined;
  #tokenLabel = '';
  readonly #privateKeys = new Map<string, Handle>();

  constructor(cryptoki: Cryptoki) {
    this.#cryptoki = cryptoki;
  }

  carryOut<C extends TokenCall>(call: C): AnswerTo<C>;
  carryOut(call: TokenCall): AnswerTo<TokenCall> {
    switch (call.do) {
      case 'close':
        this.#close();
        return undefined;
      case 'open':
        this.#open(call, call.pin, call.begin);
        return undefined;
      case 'list':
        return this.#list(call.label);
      case 'generate':
        return this.#generate(call, call.type);
      case 'sign':
        return this.#sign(call, call.mechanism, Buffer.from(call.data));
      case 'destroy':
        this.#destroy(call);
        return undefined;
    }
  }

  /** Without `pin` it relies on the login of another session: a login is the whole program's. */
  #open({ modulePath, tokenLabel }: TokenPlace, pin: string | undefined, begin: 'once' | 'anew'): void {
    this.#close();
    this.#initialize(modulePath, begin);
    const slot = this.#slotOf(tokenLabel);
    const { flags } = this.#cryptoki.C_GetTokenInfo(slot);
    const session = this.#cryptoki.C_OpenSession(slot, CKF.SERIAL_SESSION | CKF.RW_SESSION);
    this.#session = session;
    this.#tokenLabel = tokenLabel;
    if (pin !== undefined && (flags & CKF.LOGIN_REQUIRED) !== 0) this.#login(session, flags, pin);
  }

  #initialize(modulePath: string, begin: 'once' | 'anew'): void {
    if (!this.#loaded) this.#cryptoki.load(modulePath);
    this.#loaded = true;
    if (begin === 'anew') this.#finalize();
    try {
      this.#cryptoki.C_Initialize({ flags: CKF.OS_LOCKING_OK });
    } catch (error) {
      if (codeOf(error) !== CKR.CRYPTOKI_ALREADY_INITIALIZED) throw error;
    }
  }

  #finalize(): void {
    try {
      this.#cryptoki.C_Finalize();
    } catch {
      // It was not begun, or has lost its memory: it is begun next.
    }
  }

  #slotOf(tokenLabel: string): Handle {
    // Asking for the slots is what makes a module look for tokens that came or went.
    const found = this.#cryptoki.C_GetSlotList(true).filter((slot) => {
      try {
        return this.#cryptoki.C_GetTokenInfo(slot).label.replace(/[ \0]+$/, '') === tokenLabel;
      } catch {
        // It went between the two questions.
        return false;
      }
    });
    const [slot, second] = found;
    if (slot === undefined) throw new TokenError({ fate: 'lost', reason: 'the token is not there' });
    if (second !== undefined) throw new TokenError({ fate: 'refused', reason: 'several tokens have this label' });
    return slot;
  }

  #login(session: Handle, flags: number, pin: string): void {
    const refused = (reason: string): TokenError => new TokenError({ fate: 'refused', reason, pin: true });
    if ((flags & CKF.USER_PIN_LOCKED) !== 0) throw refused('the PIN is locked');
    // A server that starts again and again with a wrong PIN must not lock the token for everybody.
    if ((flags & CKF.USER_PIN_FINAL_TRY) !== 0) {
      throw refused(
        'one wrong PIN more would lock the token, so none is tried: log in once by hand with the right one',
      );
    }
    try {
      this.#cryptoki.C_Login(session, CKU_USER, pin);
    } catch (error) {
      if (codeOf(error) !== CKR.USER_ALREADY_LOGGED_IN) throw error;
    }
  }

  #close(): void {
    this.#privateKeys.clear();
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    try {
      this.#cryptoki.C_CloseSession(session);
    } catch {
      // It went with its token.
    }
  }

  get #opened(): Handle {
    if (this.#session === undefined) throw new TokenError({ fate: 'lost', reason: 'there is no session' });
    return this.#session;
  }

  #list(label: string): readonly TokenKey[] {
    const secrets = this.#find([classOf(CKO.PRIVATE_KEY), labelOf(label)]);
    const keys = secrets.map((secret) => {
      const id = this.#read(secret, CKA.ID).toString('utf8');
      return { label, id, publicKey: this.#publicKey({ label, id }) };
    });
    this.#requireToken();
    return keys;
  }

  /** In an open session a token that was pulled out may look empty instead of gone. */
  #requireToken(): void {
    this.#slotOf(this.#tokenLabel);
  }

  #publicKey(name: KeyName): TokenPublicKey {
    const [object] = this.#find([classOf(CKO.PUBLIC_KEY), ...attributesOf(name)]);
    if (object === undefined) return { family: 'unknown' };
    switch (numberOf(this.#read(object, CKA.KEY_TYPE))) {
      case CKK.EC:
        return { family: 'EC', params: this.#read(object, CKA.EC_PARAMS), point: this.#read(object, CKA.EC_POINT) };
      case CKK.RSA:
        return {
          family: 'RSA',
          modulus: this.#read(object, CKA.MODULUS),
          exponent: this.#read(object, CKA.PUBLIC_EXPONENT),
        };
      default:
        return { family: 'unknown' };
    }
  }

  #generate(name: KeyName, type: KeyType): TokenKey {
    const { mechanism, parameters } = GENERATION[type];
    const both = [{ type: CKA.TOKEN, value: true }, ...attributesOf(name)];
    this.#cryptoki.C_GenerateKeyPair(
      this.#opened,
      { mechanism, parameter: null },
      [...both, { type: CKA.VERIFY, value: true }, ...parameters],
      [
        ...both,
        { type: CKA.PRIVATE, value: true },
        { type: CKA.SENSITIVE, value: true },
        { type: CKA.EXTRACTABLE, value: false },
        { type: CKA.MODIFIABLE, value: false },
        { type: CKA.SIGN, value: true },
      ],
    );
    return { ...name, publicKey: this.#publicKey(name) };
  }

  #sign(name: KeyName, mechanism: number, data: Buffer): Uint8Array {
    try {
      return this.#signWith(this.#privateKey(name), mechanism, data);
    } catch (error) {
      const code = codeOf(error);
      if (code !== CKR.KEY_HANDLE_INVALID && code !== CKR.OBJECT_HANDLE_INVALID) throw error;
      // The token numbers its objects anew when they are changed by another program.
      this.#privateKeys.delete(keyOf(name));
      return this.#signWith(this.#privateKey(name), mechanism, data);
    }
  }

  #signWith(key: Handle, mechanism: number, data: Buffer): Uint8Array {
    this.#cryptoki.C_SignInit(this.#opened, { mechanism, parameter: null }, key);
    // A copy: what is sent between threads takes all the memory below it along.
    return Uint8Array.from(this.#cryptoki.C_Sign(this.#opened, data, Buffer.alloc(MAX_SIGNATURE)));
  }

  #privateKey(name: KeyName): Handle {
    const known = this.#privateKeys.get(keyOf(name));
    if (known !== undefined) return known;
    const [found] = this.#find([classOf(CKO.PRIVATE_KEY), ...attributesOf(name)]);
    if (found === undefined) throw new TokenError({ fate: 'lost', reason: `it has no private key ${name.id}` });
    this.#privateKeys.set(keyOf(name), found);
    return found;
  }

  #destroy(name: KeyName): void {
    this.#privateKeys.delete(keyOf(name));
    // The private key last: what is interrupted is found again by it.
    for (const kind of [CKO.PUBLIC_KEY, CKO.PRIVATE_KEY]) {
      for (const object of this.#find([classOf(kind), ...attributesOf(name)])) {
        this.#cryptoki.C_DestroyObject(this.#opened, object);
      }
    }
    this.#requireToken();
  }

  #find(template: readonly Attribute[]): readonly Handle[] {
    const session = this.#opened;
    this.#cryptoki.C_FindObjectsInit(session, [...template, { type: CKA.TOKEN, value: true }]);
    try {
      return this.#cryptoki.C_FindObjects(session, MAX_KEYS);
    } finally {
      this.#cryptoki.C_FindObjectsFinal(session);
    }
  }

  #read(object: Handle, type: number): Buffer {
    const [attribute] = this.#cryptoki.C_GetAttributeValue(this.#opened, object, [{ type }]);
    return Buffer.isBuffer(attribute?.value) ? Buffer.from(attribute.value) : Buffer.alloc(0);
  }
}

const classOf = (kind: number): Attribute => ({ type: CKA.CLASS, value: kind });
const labelOf = (label: string): Attribute => ({ type: CKA.LABEL, value: Buffer.from(label) });
const keyOf = ({ label, id }: KeyName): string => `${label}\0${id}`;

function attributesOf({ label, id }: KeyName): readonly Attribute[] {
  return [labelOf(label), { type: CKA.ID, value: Buffer.from(id) }];
}

/** CK_ULONG in the order of this machine, of which every one that Node runs on with modules is little-endian. */
function numberOf(bytes: Buffer): number {
  return bytes.length >= 4 ? bytes.readUInt32LE(0) : -1;
}

const ec = (oid: string) => ({
  mechanism: CKM.EC_KEY_PAIR_GEN,
  parameters: [{ type: CKA.EC_PARAMS, value: Buffer.from(oid, 'hex') }],
});

const GENERATION = {
  'EC-P256': ec('06082a8648ce3d030107'),
  'EC-P384': ec('06052b81040022'),
  'RSA-2048': {
    mechanism: CKM.RSA_PKCS_KEY_PAIR_GEN,
    parameters: [
      { type: CKA.MODULUS_BITS, value: 2048 },
      { type: CKA.PUBLIC_EXPONENT, value: Buffer.of(1, 0, 1) },
    ],
  },
} as const satisfies Record<KeyType, { readonly mechanism: number; readonly parameters: readonly Attribute[] }>;
