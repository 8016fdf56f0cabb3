import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { KeyManagerProvider, ProviderParts } from '../provider.js';
import { ModuleUsers } from './module-users.js';
import { createPkcs11KeyManager } from './pkcs11-key-manager.js';
import { pkcs11Problems, readPkcs11Settings, PKCS11_SCHEMA, type Pkcs11Settings } from './pkcs11-section.js';
import { Token } from './token.js';
import { WorkerLane } from './worker-lane.js';

/** Modules are loaded once per process, so this is too. */
const users = new ModuleUsers();

/** PKCS#11: one key pair per keyset in a token of a module. */
export const pkcs11Provider: KeyManagerProvider = {
  schema: PKCS11_SCHEMA,
  problems: (settings, at, declared) => {
    const missing = declared.pkcs11Problem();
    const problems = pkcs11Problems(settings, at, declared);
    return missing === undefined ? problems : [{ path: at, reason: missing }, ...problems];
  },
  keyType: (settings) => readPkcs11Settings(settings).keyType,
  // Four sessions of the usual kind are kept busy with two calls each.
  inFlight: 16,
  place: (settings) => {
    const { modulePath, tokenLabel } = readPkcs11Settings(settings);
    return `${modulePath} ${tokenLabel}`;
  },
  open: (settings, parts) => {
    const read = readPkcs11Settings(settings);
    const token = new Token({
      place: { modulePath: read.modulePath, tokenLabel: read.tokenLabel },
      sessions: read.sessions,
      readPin: () => readPin(read.pin, parts),
      startLane: () => new WorkerLane(),
      users,
      clock: parts.clock,
      random: Math.random,
    });
    return Promise.resolve(createPkcs11KeyManager({ token, owner: parts.owner, hashing: read.hashing }));
  },
};

async function readPin(pin: Pkcs11Settings['pin'], parts: ProviderParts): Promise<string> {
  if ('path' in pin) return usable((await parts.files.read(pin.path)).replace(/\r?\n$/, ''), `file "${pin.path}"`);
  return usable(parts.environment(pin.environmentVariable) ?? '', `environment variable ${pin.environmentVariable}`);
}

function usable(pin: string, source: string): string {
  if (pin !== '' && pin.length <= 256 && !/\p{Cc}/u.test(pin)) return pin;
  throw new SpirlError('INVALID_CONFIG', `${source} cannot be used: it holds no PIN`);
}
