import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SoftToken } from '../../test/parts/custody/soft-token.js';
import { SOFT_HSM_MODULE } from '../../test/parts/pkcs11/soft-hsm.js';
import { SoftTpm, TPM2_MODULE } from '../../test/parts/pkcs11/soft-tpm.js';
import { missingModule } from './installed.js';
import { NOTHING_DECLARED, type KeyService, type KeyServiceKind } from './key-service.js';

const PIN = '4711';
/** As many as the server opens by default. */
const SESSIONS = 4;
const IN_FLIGHT = 16;

interface Place {
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

async function serviceOf(dir: string, { modulePath, tokenLabel, env, stop }: Place): Promise<KeyService> {
  const pinPath = join(dir, 'pin');
  await writeFile(pinPath, PIN, { mode: 0o600 });
  return {
    extension: { pkcs11: { modulePath, tokenLabel, pinPath, sessions: SESSIONS } },
    declared: { ...NOTHING_DECLARED, modules: [modulePath], secretDirectories: [dir] },
    env,
    bare: { kind: 'pkcs11', modulePath, tokenLabel, pin: PIN, sessions: SESSIONS },
    stop,
  };
}

/** A token that signs in well under a millisecond: what is seen is the server's own cost. */
export const softHsm: KeyServiceKind = {
  name: 'PKCS#11 (SoftHSM)',
  inFlight: IN_FLIGHT,
  batch: 16,
  missing: () => missingModule(SOFT_HSM_MODULE),
  start: (dir) => {
    const token = new SoftToken(dir, PIN);
    const { module: modulePath, label: tokenLabel, env } = token;
    return serviceOf(dir, { modulePath, tokenLabel, env, stop: () => Promise.resolve() });
  },
};

/** A TPM in software, as slow as small hardware is. */
export const softTpm: KeyServiceKind = {
  name: 'PKCS#11 (swtpm)',
  inFlight: IN_FLIGHT,
  batch: 4,
  share: 0.8,
  missing: () => missingModule(TPM2_MODULE),
  start: async (dir) => {
    const tpm = await SoftTpm.start();
    const env = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name] ?? '']));
    return serviceOf(dir, { modulePath: TPM2_MODULE, tokenLabel: tpm.label, env, stop: () => tpm.close() });
  },
};

/** How the module finds the TPM; `SoftTpm` sets them. */
const VARIABLES = ['DBUS_SESSION_BUS_ADDRESS', 'TPM2_PKCS11_TCTI', 'TPM2_PKCS11_STORE'];
