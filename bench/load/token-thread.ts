import { parentPort, workerData } from 'node:worker_threads';
import {
  CKA,
  CKF,
  CKM,
  CKO,
  CKU_USER,
  createCryptoki,
  type Cryptoki,
  type Handle,
} from '../../server-stub/src/key-manager/pkcs11/cryptoki.js';

// A thread with a session of a PKCS#11 token, and nothing but the calls that a signature takes.

export interface TokenThreadData {
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pin: string;
  /** The first thread logs in and makes the key that all use. */
  readonly first: boolean;
}

const LABEL = Buffer.from('bench bare');
const P256 = Buffer.from('06082a8648ce3d030107', 'hex');
const DIGEST = Buffer.alloc(32, 7);

function open(cryptoki: Cryptoki, { modulePath, tokenLabel, pin, first }: TokenThreadData): [Handle, Handle] {
  cryptoki.load(modulePath);
  if (first) cryptoki.C_Initialize({ flags: CKF.OS_LOCKING_OK });
  const slot = cryptoki.C_GetSlotList(true).find((one) => cryptoki.C_GetTokenInfo(one).label.startsWith(tokenLabel));
  if (slot === undefined) throw new Error(`no token ${tokenLabel}`);
  const session = cryptoki.C_OpenSession(slot, CKF.SERIAL_SESSION | CKF.RW_SESSION);
  if (first) {
    cryptoki.C_Login(session, CKU_USER, pin);
    const both = [
      { type: CKA.TOKEN, value: true },
      { type: CKA.LABEL, value: LABEL },
      { type: CKA.ID, value: LABEL },
    ];
    const publicKey = [...both, { type: CKA.VERIFY, value: true }, { type: CKA.EC_PARAMS, value: P256 }];
    const privateKey = [
      ...both,
      { type: CKA.PRIVATE, value: true },
      { type: CKA.SENSITIVE, value: true },
      { type: CKA.EXTRACTABLE, value: false },
      { type: CKA.SIGN, value: true },
    ];
    cryptoki.C_GenerateKeyPair(session, { mechanism: CKM.EC_KEY_PAIR_GEN, parameter: null }, publicKey, privateKey);
  }
  cryptoki.C_FindObjectsInit(session, [
    { type: CKA.CLASS, value: CKO.PRIVATE_KEY },
    { type: CKA.LABEL, value: LABEL },
  ]);
  const [key] = cryptoki.C_FindObjects(session, 1);
  cryptoki.C_FindObjectsFinal(session);
  if (key === undefined) throw new Error('no key');
  return [session, key];
}

if (parentPort !== null) {
  const port = parentPort;
  const cryptoki = createCryptoki();
  const [session, key] = open(cryptoki, workerData as TokenThreadData);
  port.on('message', (until: number) => {
    const out = Buffer.alloc(512);
    let count = 0;
    for (; Date.now() < until; count++) {
      cryptoki.C_SignInit(session, { mechanism: CKM.ECDSA, parameter: null }, key);
      cryptoki.C_Sign(session, DIGEST, out);
    }
    port.postMessage(count);
  });
  port.postMessage('open');
}
