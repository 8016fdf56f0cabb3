import { request as plainRequest, type Agent, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { Clock } from './clock.js';
import { withDeadline } from './deadline.js';
import { hasCode } from './errors.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** `https:`, or `http:` where the caller allows it. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM. Only these authorities vouch for the server; absent: those of the system. */
  readonly trustedCas?: string;
  /** From the first packet to the last byte. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
  /**
   * Connections that are kept for the next request; absent: one of its own. A server may close a kept connection just when it
   * is used again: such a request is sent a second time, so only what may arrive twice belongs here.
   */
  readonly connections?: Agent;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** There is no answer. `message` says why in words for people; it holds nothing of the request. */
export class NoAnswer extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NoAnswer';
  }
}

/**
 * One request, within time and size. Redirects are answers like others: nobody follows them.
 * Throws NoAnswer, or the reason of `signal`.
 */
export async function exchange(request: HttpRequest, clock: Clock, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    return await withDeadline((inTime) => send(request, inTime), request.timeoutMs, 'late', clock, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof NoAnswer) throw error;
    if (hasCode(error, 'DEADLINE_EXCEEDED')) throw new NoAnswer(`no answer within ${request.timeoutMs / 1000} s`);
    throw new NoAnswer(reasonOf(error), { cause: error });
  }
}

function send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const { url, method, headers, body, trustedCas, connections } = request;
  const options: RequestOptions & { ca?: string } = {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
    agent: connections ?? false,
    signal,
    ...(trustedCas !== undefined && { ca: trustedCas }),
  };
  return new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? tlsRequest : plainRequest;
    let answered = false;
    const call = start(url, options, (answer) => {
      answered = true;
      collect(answer, request.maxAnswerBytes).then(resolve, (error: unknown) => {
        call.destroy();
        reject(error);
      });
    });
    call.on('error', (error: NodeJS.ErrnoException) => {
      const stale = call.reusedSocket && !answered && STALE.has(error.code);
      if (stale && !signal.aborted) resolve(send(onItsOwn(request), signal));
      else reject(error);
    });
    call.end(body);
  });
}

/** How a kept connection fails that the server has closed meanwhile. */
const STALE: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE']);

function onItsOwn({ connections: _, ...request }: HttpRequest): HttpRequest {
  return request;
}

async function collect(answer: IncomingMessage, most: number): Promise<HttpAnswer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > most) throw new NoAnswer(`the answer has more than ${most} bytes`);
    parts.push(part);
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) };
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be looked up',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  EPIPE: 'the connection was cut',
  CERT_HAS_EXPIRED: 'the server certificate has expired',
  CERT_SIGNATURE_FAILURE: 'the server certificate comes from an authority that is not trusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the server certificate is self-signed and not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'the server certificate comes from an authority that is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the server certificate comes from an authority that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the server certificate comes from an authority that is not trusted',
  INVALID_PURPOSE: 'the server certificate is not one for servers',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the server certificate is for another name',
};

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (code.startsWith('HPE_')) return 'the answer is no HTTP';
  return REASONS[code] ?? `the connection failed${code === '' ? '' : ` (${code})`}`;
}

/** Text from elsewhere, short enough and safe to show: at most `most` characters, one line, nothing that moves a cursor. */
export function quotable(text: string, most = 300): string {
  const line = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most)}…`;
}
