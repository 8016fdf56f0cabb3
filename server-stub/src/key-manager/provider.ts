import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { Problem } from 'spirl-agent/runtime/problems.js';
import type { KeyManager } from '../domain/key-manager.js';
import type { KeyType } from '../domain/signing-key.js';
import type { AwsKmsConnector } from './aws-kms/kms-api.js';
import type { KeyVaultConnector } from './azure-key-vault/key-vault-api.js';

/** `spec.extensions.<name>` of a section KeyManager that has passed its checks, without unset fields. Never holds a secret. */
export type ExtensionSettings = Readonly<Record<string, unknown>>;

/** Files that managed configuration may name. */
export interface ReadsFiles {
  /** Why a path must not be named; undefined when it may. */
  problem(path: string): string | undefined;
  /** Text, read anew. Throws INVALID_CONFIG. */
  read(path: string): Promise<string>;
}

/** What this server's own configuration allows managed sections to name, and its installation to use. */
export interface Declared {
  readonly files: Pick<ReadsFiles, 'problem'>;
  /** Hosts, or `host:port`. */
  readonly webhookHosts: readonly string[];
  /** Paths of PKCS#11 modules. */
  readonly modules: readonly string[];
  /** Why PKCS#11 cannot be used in this installation; undefined when it can. */
  readonly pkcs11Problem: () => string | undefined;
}

/** Whose keys they are; on each key as a tag, a label or a part of its name. */
export interface KeyOwner {
  readonly trustDomainId: string;
  readonly deploymentId: string;
}

/** What providers need of the rest of the server. */
export interface ProviderParts extends Declared {
  readonly files: ReadsFiles;
  /** A variable of this process's environment, for secrets; undefined when it is not set. */
  readonly environment: (name: string) => string | undefined;
  readonly owner: KeyOwner;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connectAwsKms: AwsKmsConnector;
  readonly connectKeyVault: KeyVaultConnector;
  /** ECDSA signature in DER to raw r||s with halves of `half` octets. Throws for anything that is not one. */
  readonly rawFromDer: (der: Uint8Array, half: number) => Uint8Array;
}

/** One kind of key manager that lies outside this process. */
export interface KeyManagerProvider {
  /** JSON Schema of its settings. */
  readonly schema: object;
  /** What the schema cannot say of settings, as JSON Pointers below `at`; nothing about values whose type is wrong. */
  problems(settings: ExtensionSettings, at: string, declared: Declared): readonly Problem[];
  /** Of the keys that it shall make. */
  keyType(settings: ExtensionSettings): KeyType;
  /** Calls under way at the same time; the hot path goes below that when the service asks for less. */
  readonly inFlight: number;
  /** Adds what the surroundings decide (a default region), so that the keys are found again from elsewhere too. */
  resolved?(settings: ExtensionSettings, parts: ProviderParts): Promise<ExtensionSettings>;
  /** Where the keys lie. Resolved settings of one place open the same keys. */
  place(settings: ExtensionSettings): string;
  /** Ready to be asked; nothing is asked yet. Throws INVALID_CONFIG. */
  open(settings: ExtensionSettings, parts: ProviderParts): Promise<KeyManager>;
}
