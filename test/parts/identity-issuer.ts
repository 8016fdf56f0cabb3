import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a token says of its bearer; `seconds`: how long it is good, negative: it has ended. */
export interface Bearer {
  readonly subject: string;
  readonly audience: string;
  readonly seconds?: number;
}

/** An issuer of tokens as a Kubernetes cluster is one: a key, its discovery documents on loopback, RS256 tokens. */
export interface IdentityIssuer {
  /** `iss` of its tokens. */
  readonly url: string;
  token(bearer: Bearer): string;
  stop(): Promise<void>;
}

const KEY_ID = 'issuer-key';

export async function startIdentityIssuer(): Promise<IdentityIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: 'RS256', use: 'sig' };
  const server = createServer((request, response) => {
    const documents: Readonly<Record<string, object>> = {
      '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
      '/keys': { keys: [jwk] },
    };
    const document = documents[request.url ?? ''];
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    url,
    token: ({ subject, audience, seconds = 3600 }) => {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: url, sub: subject, aud: audience, iat: now, nbf: now - 60, exp: now + seconds };
      const signed = `${encoded({ alg: 'RS256', typ: 'JWT', kid: KEY_ID })}.${encoded(claims)}`;
      return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
