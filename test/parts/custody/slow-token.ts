import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SoftTpm, TPM2_MODULE } from '../pkcs11/soft-tpm.js';
import type { Cleanup, Lab } from './lab.js';
import type { Spoilable } from './spoil.js';

const ANSWER_DELAY_MS = 300;

/** A TPM in software, each of whose answers can be made to take its time. */
export async function startSlowToken({ secrets }: Lab, cleanup: Cleanup): Promise<Spoilable> {
  const { tpm, wire, close } = await SoftTpm.startBehindWire(secrets.make('the PIN of the TPM'));
  cleanup.later(close);
  const folder = await cleanup.folder();
  const pinPath = join(folder, 'pin');
  await writeFile(pinPath, tpm.pin, { mode: 0o600 });
  const never = () => Promise.reject(new Error('its resource manager would end with it'));
  return {
    settings: { extensions: { modules: [TPM2_MODULE], secretDirectories: [folder] } },
    env: tpm.env,
    extension: { pkcs11: { modulePath: TPM2_MODULE, tokenLabel: tpm.label, pinPath, sessions: 2 } },
    ...{ down: never, up: never },
    spoil: (fault) => {
      wire.answerDelayMs = fault === 'slow' ? ANSWER_DELAY_MS : 0;
      return Promise.resolve();
    },
  };
}
