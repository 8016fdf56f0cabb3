import { X509Certificate } from 'node:crypto';
import { certificatePem } from '../runtime/certificate-facts.js';
import { SpirlError } from '../runtime/errors.js';
import { firstOf, type WorkloadClient } from '../runtime/workload-client.js';
import { splitCertificates } from './certificate-list.js';
import { askEndpoint, type CommonOptions } from './fetch-commands.js';
import type { Terminal } from './terminal.js';

export type BundleFormat = 'pem' | 'spiffe' | 'jwks';

interface Bundle {
  readonly trustDomain: string;
  /** DER. */
  readonly x509Authorities: readonly Buffer[];
  /** As served, without what is not in it. */
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] };
}

export interface BundleOptions extends CommonOptions {
  readonly format: BundleFormat;
  /** Name; default: the trust domain of the caller's first identity. */
  readonly trustDomain?: string;
}

export async function fetchBundle(terminal: Terminal, options: BundleOptions): Promise<void> {
  const bundle = await askEndpoint(terminal, options, (client, signal) => bundleFrom(client, options, signal));
  if (options.output === 'json') {
    const { trustDomain, x509Authorities, jwks } = bundle;
    const document = { trustDomain, x509Authorities: x509Authorities.map(certificatePem), jwtAuthorities: jwks.keys };
    terminal.out(`${JSON.stringify(document)}\n`);
  } else terminal.out(FORMATS[options.format](bundle));
}

async function bundleFrom(client: WorkloadClient, options: BundleOptions, signal: AbortSignal): Promise<Bundle> {
  const [x509, jwt] = await Promise.all([firstOf(client.x509Bundles(signal)), firstOf(client.jwtBundles(signal))]);
  const names = Object.keys(x509.bundles);
  const wanted =
    options.trustDomain === undefined
      ? ((names.length === 1 ? names[0] : undefined) ?? (await ownTrustDomain(client, signal)))
      : `spiffe://${options.trustDomain}`;
  const der = x509.bundles[wanted];
  const keys = jwt.bundles[wanted];
  if (der === undefined && keys === undefined) {
    throw new SpirlError('NOT_FOUND', `no bundle of ${wanted}; there are: ${names.join(', ')}`);
  }
  return {
    trustDomain: wanted.slice('spiffe://'.length),
    x509Authorities: splitCertificates(der ?? Buffer.alloc(0)),
    jwks: keys === undefined ? { keys: [] } : (JSON.parse(keys.toString()) as Bundle['jwks']),
  };
}

async function ownTrustDomain(client: WorkloadClient, signal: AbortSignal): Promise<string> {
  const { svids } = await firstOf(client.x509Svids(signal));
  return /^spiffe:\/\/[^/]+/.exec(svids[0]?.spiffeId ?? '')?.[0] ?? '';
}

const FORMATS: Record<BundleFormat, (bundle: Bundle) => string> = {
  pem: ({ x509Authorities }) => x509Authorities.map(certificatePem).join(''),
  jwks: ({ jwks }) => `${JSON.stringify(jwks, undefined, 2)}\n`,
  // The Workload API tells neither sequence number nor refresh hint, so the document has none.
  spiffe: ({ x509Authorities, jwks }) =>
    `${JSON.stringify({ keys: [...x509Authorities.map(x509Entry), ...jwks.keys.map(jwtEntry)] }, undefined, 2)}\n`,
};

/** An X.509 authority as bundle entry: no key id. */
function x509Entry(certificate: Buffer): object {
  const jwk = new X509Certificate(certificate).publicKey.export({ format: 'jwk' });
  return { ...jwk, use: 'x509-svid', x5c: [certificate.toString('base64')] };
}

function jwtEntry(key: Readonly<Record<string, unknown>>): object {
  return { ...key, use: 'jwt-svid' };
}
