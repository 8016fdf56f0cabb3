import type { KeyType } from '../../domain/signing-key.js';
import { KEY_TAGS_SCHEMA, keyTagProblems } from '../key-tags.js';
import type { KeyManagerProvider } from '../provider.js';
import { createAzureKeyVaultKeyManager, RESERVED_PREFIX } from './azure-key-vault-key-manager.js';

const KEY_TYPES = ['EC-P256', 'EC-P384', 'RSA-2048'] as const satisfies readonly KeyType[];

/** `spec.extensions.azureKeyVault`. */
interface AzureKeyVaultSettings {
  /** `https://<name>.vault.azure.net` */
  readonly vaultURL: string;
  readonly keyType?: (typeof KEY_TYPES)[number];
  readonly keyTags?: Readonly<Record<string, string>>;
}

const VAULT_URL = 'the URL of a vault (https://<name>.vault.azure.net)';
/** Azure allows 15 tags; three are ours. */
const TAGS = { reserved: ['azure:', RESERVED_PREFIX], most: 12, keyLength: 256, valueLength: 256 };

/** Vaults of the public, the Chinese and the American government's cloud; Managed HSMs hold such keys too. */
const HOSTS =
  /^[a-z0-9-]{3,24}\.(vault\.azure\.net|vault\.azure\.cn|vault\.usgovcloudapi\.net|managedhsm\.azure\.net)$/;

/** Azure Key Vault, Premium: one hardware key per keyset. */
export const azureKeyVaultProvider: KeyManagerProvider = {
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['vaultURL'],
    properties: {
      vaultURL: { type: 'string', description: VAULT_URL },
      keyType: { type: 'string', enum: [...KEY_TYPES] },
      keyTags: KEY_TAGS_SCHEMA,
    },
  },
  problems: (settings, at) => {
    const { vaultURL, keyTags } = settings;
    const reason = typeof vaultURL === 'string' ? urlProblem(vaultURL) : undefined;
    return [
      ...(reason === undefined ? [] : [{ path: `${at}/vaultURL`, reason }]),
      ...keyTagProblems(keyTags, `${at}/keyTags`, TAGS),
    ];
  },
  keyType: (settings) => (settings as Partial<AzureKeyVaultSettings>).keyType ?? 'EC-P256',
  // A vault does about 200 signatures a second.
  inFlight: 32,
  place: (settings) => placeOf((settings as Partial<AzureKeyVaultSettings>).vaultURL ?? ''),
  open: async (settings, { connectKeyVault, owner }) => {
    const { vaultURL = '', keyTags = {} } = settings as Partial<AzureKeyVaultSettings>;
    return createAzureKeyVaultKeyManager({ api: await connectKeyVault(placeOf(vaultURL)), owner, keyTags });
  },
};

/** A managed section decides where this server's Azure identity is shown, so only to Azure's own hosts. */
function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'a URL is expected';
  const url = new URL(text);
  if (url.protocol !== 'https:') return 'an https URL is expected';
  const plain = `${url.username}${url.password}${url.port}${url.search}${url.hash}` === '' && url.pathname === '/';
  if (!plain || !HOSTS.test(url.hostname)) return `${VAULT_URL} is expected`;
  return undefined;
}

/** Without a slash at its end. */
const placeOf = (vaultURL: string): string => (URL.canParse(vaultURL) ? new URL(vaultURL).origin : vaultURL);
