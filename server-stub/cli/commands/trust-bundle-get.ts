import { createHash, X509Certificate } from 'node:crypto';
import { Option } from 'commander';
import { jwksOf, spiffeBundleOf, type TrustBundle } from 'spirl-agent/domain/trust-bundle.js';
import { certificatePem } from 'spirl-agent/runtime/certificate-facts.js';
import type { TrustBundleMessage } from '../admin-messages.js';
import type { CliCommand } from '../cli-command.js';
import { goTime } from '../output.js';

export const trustBundleGet: CliCommand = {
  words: 'trust-bundle get',
  summary: 'Show the trust bundle that the agents of a cluster get.',
  configure: (command) =>
    command
      .requiredOption('--cluster-id <id>', 'cluster')
      .addOption(
        new Option('--format <format>', 'for programs: certificates, the SPIFFE bundle, or the JWT keys').choices([
          'pem',
          'spiffe',
          'jwks',
        ]),
      ),
  run: async (invocation) => {
    const client = await invocation.connect();
    const message = await client.call('bundle.GetTrustBundle', { clusterId: invocation.text('clusterId') });
    const bundle = bundleOf(message);
    const json = invocation.text('format') === 'jwks' ? jwksOf(bundle) : spiffeBundleOf(bundle, publicJwk);
    const document = `${JSON.stringify(json, null, 2)}\n`;
    const pem = message.x509Authorities.map(certificatePem).join('');
    const texts: Readonly<Record<string, string>> = { pem, spiffe: document, jwks: document };
    return { text: texts[invocation.text('format')] ?? bundleText(bundle), json };
  },
};

function bundleOf(message: TrustBundleMessage): TrustBundle {
  return {
    ...message,
    x509Authorities: message.x509Authorities.map((certificate) => ({ certificate })),
    jwtAuthorities: message.jwtAuthorities.map((text) => {
      const { kid = '', ...publicJwk } = JSON.parse(text) as Record<string, string>;
      return { keyId: kid, publicJwk };
    }),
  };
}

function publicJwk(certificate: Uint8Array): Record<string, string> {
  return new X509Certificate(certificate).publicKey.export({ format: 'jwk' }) as Record<string, string>;
}

function bundleText(bundle: TrustBundle): string {
  return [
    `Trust Domain: ${bundle.trustDomain}\nSequence: ${bundle.sequence}\nRefresh Hint: ${bundle.refreshHintSeconds}s\n`,
    `X.509 authorities:\n${bundle.x509Authorities.map(({ certificate }) => authorityText(certificate)).join('\n') || '  none\n'}`,
    `JWT authorities:\n${bundle.jwtAuthorities.map(({ keyId, publicJwk: key }) => `  ${keyId}  ${key['kty'] ?? ''} ${key['crv'] ?? ''}`.trimEnd() + '\n').join('') || '  none\n'}`,
  ].join('\n');
}

function authorityText(der: Uint8Array): string {
  const certificate = new X509Certificate(der);
  const oneLine = (name: string): string => name.split('\n').join(', ');
  return (
    `  Subject:     ${oneLine(certificate.subject)}\n` +
    `  Issuer:      ${oneLine(certificate.issuer)}\n` +
    `  Serial:      ${certificate.serialNumber.toLowerCase()}\n` +
    `  Not Before:  ${goTime(Date.parse(certificate.validFrom))}\n` +
    `  Not After:   ${goTime(Date.parse(certificate.validTo))}\n` +
    `  SHA-256:     ${createHash('sha256').update(der).digest('hex')}\n`
  );
}
