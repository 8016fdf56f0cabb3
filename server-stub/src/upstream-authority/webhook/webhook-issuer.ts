import type { Clock } from 'spirl-agent/runtime/clock.js';
import { certificatesOfPem } from 'spirl-agent/runtime/certificate-facts.js';
import { formatDuration } from 'spirl-agent/runtime/duration.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { exchange, NoAnswer, quotable, type HttpAnswer } from 'spirl-agent/runtime/http-exchange.js';
import { REFUSED, UNREACHABLE, type CaIssuer, type IssuedChain, type IssueRequest } from '../ca-issuer.js';
import { requestPem } from '../certificate-request.js';
import type { ReadsFiles } from '../upstream-parts.js';
import { hostProblem } from 'spirl-agent/runtime/declared-hosts.js';

/** A chain and a few roots; an RSA certificate has some 2 kB. */
const MAX_ANSWER_BYTES = 256 * 1024;

/** `spec.extensions.webhook`, read. */
export interface WebhookSettings {
  /** Base; `/mint-x509-ca` is asked below it. */
  readonly webhookURL: string;
  readonly timeoutMs: number;
  /** PEM file: only its authorities vouch for the webhook. */
  readonly caCertPath?: string;
  /** File with a token for `Authorization: Bearer`. */
  readonly bearerTokenPath?: string;
}

export interface WebhookParts {
  readonly clock: Clock;
  readonly files: ReadsFiles;
  readonly webhookHosts: readonly string[];
}

/** An authority behind the Upstream Authority Extension: `POST <webhookURL>/mint-x509-ca`. Anything but 2xx is a refusal. */
export function createWebhookIssuer(settings: WebhookSettings, parts: WebhookParts): CaIssuer {
  const url = new URL(`${settings.webhookURL.replace(/\/+$/, '')}/mint-x509-ca`);
  const title = `webhook ${url.href}`;
  return {
    title,
    issue: async (request, signal) => {
      const problem = hostProblem(settings.webhookURL, parts.webhookHosts);
      if (problem !== undefined) throw new SpirlError('INVALID_CONFIG', `${title}: ${problem}`);
      const token = await readToken(settings, parts.files);
      const answer = await ask(url, request, token, settings, parts, signal).catch((error: unknown) => {
        if (!(error instanceof NoAnswer)) throw error;
        throw new SpirlError(UNREACHABLE, `${title} cannot be asked: ${error.message}`, { cause: error });
      });
      return chainOf(answer, title, token);
    },
  };
}

async function readToken({ bearerTokenPath }: WebhookSettings, files: ReadsFiles): Promise<string | undefined> {
  if (bearerTokenPath === undefined) return undefined;
  const token = (await files.read(bearerTokenPath)).trim();
  // RFC 6750 2.1, b64token.
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token;
  throw new SpirlError(
    'INVALID_CONFIG',
    `file ${JSON.stringify(bearerTokenPath)} cannot be used: it holds no bearer token`,
  );
}

async function ask(
  url: URL,
  request: IssueRequest,
  token: string | undefined,
  { caCertPath, timeoutMs }: WebhookSettings,
  { clock, files }: WebhookParts,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const trustedCas = caCertPath === undefined ? undefined : await readCas(caCertPath, files);
  const body = { csr: requestPem(request.csr), preferred_ttl: formatDuration(request.preferredTtlMs) };
  return exchange(
    {
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      timeoutMs,
      maxAnswerBytes: MAX_ANSWER_BYTES,
      ...(trustedCas !== undefined && { trustedCas }),
    },
    clock,
    signal,
  );
}

async function readCas(path: string, files: ReadsFiles): Promise<string> {
  const pem = await files.read(path);
  // An empty list would mean: nobody; a broken one is an obscure failure later.
  if (pemCertificates(pem).length > 0) return pem;
  throw new SpirlError('INVALID_CONFIG', `file ${JSON.stringify(path)} cannot be used: it holds no PEM certificate`);
}

function chainOf({ status, body }: HttpAnswer, title: string, token: string | undefined): IssuedChain {
  const text = body.toString('utf8');
  if (status < 200 || status > 299) {
    // Whoever echoes the request must not get the token into our log.
    const said = quotable(token === undefined ? text : text.replaceAll(token, '***'));
    const redirect = status >= 300 && status < 400 ? ' (redirects are not followed)' : '';
    throw new SpirlError(REFUSED, `${title} refused: HTTP ${status}${redirect}${said === '' ? '' : `: ${said}`}`);
  }
  const { x509_ca_chain: chain, upstream_x509_roots: roots } = parseObject(text, title);
  return {
    chain: certificatesOf('x509_ca_chain', chain, title),
    roots: certificatesOf('upstream_x509_roots', roots, title),
  };
}

function parseObject(text: string, title: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new SpirlError(REFUSED, `${title} answered with something that is no JSON object`);
}

function certificatesOf(field: string, value: unknown, title: string): readonly Uint8Array[] {
  const unusable = (why: string): SpirlError => new SpirlError(REFUSED, `${title} answered with ${field} that ${why}`);
  if (!Array.isArray(value)) throw unusable('is no list');
  return value.flatMap((pem: unknown, index) => {
    const found = typeof pem === 'string' ? pemCertificates(pem) : [];
    if (found.length === 0) throw unusable(`has no PEM certificate at ${index}`);
    return found;
  });
}

function pemCertificates(pem: string): readonly Buffer[] {
  try {
    return certificatesOfPem(pem);
  } catch {
    return [];
  }
}
