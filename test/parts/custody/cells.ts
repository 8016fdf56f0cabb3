/** Where signing keys live. */
export const CUSTODY_TITLES = {
  sealed: { axis: 'local KEK', provider: 'file' },
  awsWrapping: { axis: 'key wrapping', provider: 'AWS KMS' },
  azureWrapping: { axis: 'key wrapping', provider: 'Azure Managed HSM' },
  awsKMS: { axis: 'key manager', provider: 'AWS KMS' },
  azureKeyVault: { axis: 'key manager', provider: 'Azure Key Vault' },
  pkcs11: { axis: 'key manager', provider: 'PKCS#11 (SoftHSM)' },
  webhook: { axis: 'key manager', provider: 'webhook (bridge over SoftHSM)' },
} as const;
export type CustodyName = keyof typeof CUSTODY_TITLES;

/** Who signs the deployment's CA certificates. */
export const UPSTREAM_TITLES = {
  selfSigned: 'self-signed',
  awsPca: 'AWS Private CA',
  disk: 'disk',
  webhook: 'webhook (step-ca)',
} as const;
export type UpstreamName = keyof typeof UPSTREAM_TITLES;

/** One row of the matrix. */
export interface Cell {
  readonly custody: CustodyName;
  readonly upstream: UpstreamName;
}

/** Every custody self-signed and under one upstream, every upstream with sealed keys. */
export const CELLS: readonly Cell[] = [
  { custody: 'sealed', upstream: 'selfSigned' },
  { custody: 'sealed', upstream: 'awsPca' },
  { custody: 'sealed', upstream: 'disk' },
  { custody: 'sealed', upstream: 'webhook' },
  { custody: 'awsWrapping', upstream: 'selfSigned' },
  { custody: 'awsWrapping', upstream: 'awsPca' },
  { custody: 'azureWrapping', upstream: 'selfSigned' },
  { custody: 'azureWrapping', upstream: 'webhook' },
  { custody: 'awsKMS', upstream: 'selfSigned' },
  { custody: 'awsKMS', upstream: 'awsPca' },
  { custody: 'azureKeyVault', upstream: 'selfSigned' },
  { custody: 'azureKeyVault', upstream: 'disk' },
  { custody: 'pkcs11', upstream: 'selfSigned' },
  { custody: 'pkcs11', upstream: 'disk' },
  { custody: 'webhook', upstream: 'selfSigned' },
  { custody: 'webhook', upstream: 'webhook' },
];

/** The first three columns of a cell's row. */
export function titleOf({ custody, upstream }: Cell): readonly [axis: string, provider: string, upstream: string] {
  const { axis, provider } = CUSTODY_TITLES[custody];
  return [axis, provider, UPSTREAM_TITLES[upstream]];
}
