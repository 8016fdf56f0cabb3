import type { Problem } from 'spirl-agent/runtime/problems.js';
import type { KeyType } from '../../domain/signing-key.js';
import type { Declared, ExtensionSettings } from '../provider.js';
import type { Hashing } from './pkcs11-key-manager.js';

const KEY_TYPES = ['EC-P256', 'EC-P384', 'RSA-2048'] as const satisfies readonly KeyType[];

/** Each mechanism with the key types that it signs for, the usual one first, and where the digest is made. */
const MECHANISMS = {
  CKM_ECDSA: { types: ['EC-P256', 'EC-P384'], hashing: 'here' },
  CKM_ECDSA_SHA256: { types: ['EC-P256'], hashing: 'token' },
  CKM_ECDSA_SHA384: { types: ['EC-P384'], hashing: 'token' },
  CKM_RSA_PKCS: { types: ['RSA-2048'], hashing: 'here' },
  CKM_SHA256_RSA_PKCS: { types: ['RSA-2048'], hashing: 'token' },
} as const satisfies Record<string, { readonly types: readonly [KeyType, ...KeyType[]]; readonly hashing: Hashing }>;
type MechanismName = keyof typeof MECHANISMS;

const DEFAULT_SESSIONS = 4;
/** Each is a thread. */
const MAX_SESSIONS = 16;

/** `spec.extensions.pkcs11` of the section KeyManager. */
interface Fields {
  readonly modulePath?: string;
  readonly tokenLabel?: string;
  readonly pinPath?: string;
  readonly pinEnvironmentVariable?: string;
  readonly mechanism?: MechanismName;
  readonly keyType?: KeyType;
  readonly sessions?: number;
}

/** The same, read. */
export interface Pkcs11Settings {
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pin: { readonly path: string } | { readonly environmentVariable: string };
  readonly keyType: KeyType;
  readonly hashing: Hashing;
  readonly sessions: number;
}

const TEXT = { type: 'string' } as const;

/** JSON Schema of `spec.extensions.pkcs11`; what it cannot say is in `pkcs11Problems`. */
export const PKCS11_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['modulePath', 'tokenLabel'],
  properties: {
    modulePath: { ...TEXT, description: 'the path of a declared PKCS#11 module' },
    tokenLabel: { ...TEXT, description: 'the label of a token' },
    pinPath: { ...TEXT, description: 'the path of a file with the PIN' },
    pinEnvironmentVariable: { ...TEXT, description: 'the name of a variable with the PIN' },
    mechanism: { type: 'string', enum: Object.keys(MECHANISMS) },
    keyType: { type: 'string', enum: KEY_TYPES },
    sessions: { type: 'integer', minimum: 1, maximum: MAX_SESSIONS },
  },
} as const;

/** Only PINs: a section must not be able to try out what else is in the environment. */
const PIN_VARIABLE = /^SPIRL_PKCS11_[A-Z0-9_]{1,64}$/;

/** What the schema cannot say of settings, as JSON Pointers below `at`; nothing about values whose type is wrong. */
export function pkcs11Problems(settings: ExtensionSettings, at: string, declared: Declared): readonly Problem[] {
  const { modulePath, tokenLabel, pinPath, pinEnvironmentVariable: variable } = settings;
  const reasons = {
    '/modulePath': ifText(modulePath, (path) => moduleProblem(path, declared.modules)),
    '/tokenLabel': ifText(tokenLabel, labelProblem),
    '/pinPath': ifText(pinPath, (path) => declared.files.problem(path)),
    '/pinEnvironmentVariable': ifText(variable, (name) =>
      PIN_VARIABLE.test(name) ? undefined : 'the name of a variable that begins with SPIRL_PKCS11_ is expected',
    ),
    '/keyType': keyTypeProblem(settings),
    '':
      (pinPath === undefined) === (variable === undefined)
        ? 'one of pinPath and pinEnvironmentVariable is expected'
        : undefined,
  };
  return Object.entries(reasons).flatMap(([field, reason]) =>
    reason === undefined ? [] : [{ path: at + field, reason }],
  );
}

/** Settings without problems, with their defaults. */
export function readPkcs11Settings(settings: ExtensionSettings): Pkcs11Settings {
  const { modulePath = '', tokenLabel = '', pinPath, pinEnvironmentVariable = '', sessions } = settings as Fields;
  const { mechanism = 'CKM_ECDSA', keyType } = settings as Fields;
  const { types, hashing } = MECHANISMS[mechanism];
  return Object.freeze({
    modulePath,
    tokenLabel,
    pin: pinPath === undefined ? { environmentVariable: pinEnvironmentVariable } : { path: pinPath },
    keyType: keyType ?? types[0],
    hashing,
    sessions: sessions ?? DEFAULT_SESSIONS,
  });
}

function moduleProblem(path: string, declared: readonly string[]): string | undefined {
  if (declared.includes(path)) return undefined;
  const known = declared.length === 0 ? 'none is declared' : `declared: ${declared.join(', ')}`;
  return `a module that the server's own configuration declares is expected (extensions.modules; ${known})`;
}

function labelProblem(label: string): string | undefined {
  return Buffer.byteLength(label) <= 32 && label.trim() === label
    ? undefined
    : 'a label of at most 32 octets is expected';
}

function keyTypeProblem({ mechanism = 'CKM_ECDSA', keyType }: ExtensionSettings): string | undefined {
  const known = Object.entries(MECHANISMS).find(([name]) => name === mechanism);
  if (known === undefined || !KEY_TYPES.some((type) => type === keyType)) return undefined;
  const [name, { types }] = known;
  if (types.some((type) => type === keyType)) return undefined;
  return `a key type of ${name} is expected (${types.join(', ')})`;
}

function ifText(value: unknown, problem: (text: string) => string | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? problem(value) : undefined;
}
