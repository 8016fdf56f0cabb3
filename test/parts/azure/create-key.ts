import { ClientSecretCredential } from '@azure/identity';
import { KeyClient } from '@azure/keyvault-keys';

// What an operator does with the cloud's command line. usage: create-key VAULT-URL NAME KTY SIZE OPERATIONS (HTTPS_PROXY is set)

const [, , vaultUrl = '', name = '', kty = '', size = '', operations = ''] = process.argv;
const { AZURE_TENANT_ID = '', AZURE_CLIENT_ID = '', AZURE_CLIENT_SECRET = '' } = process.env;
const client = new KeyClient(
  vaultUrl,
  new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET),
);
const { properties } =
  kty === 'disable'
    ? await client.updateKeyProperties(name, size, { enabled: false })
    : await client.createKey(name, kty, { keySize: Number(size), keyOps: operations.split(',') });
console.log(properties.version);
