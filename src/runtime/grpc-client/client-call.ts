import { constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { status } from '../grpc-code.js';
import { framed, MessageReader } from '../grpc-frame.js';
import { SpirlError } from '../errors.js';
import { resetFailure, RpcFailure, unavailable } from './rpc-failure.js';

/** One call on an HTTP/2 session, from its headers to its status. */
export class ClientCall {
  readonly #stream: ClientHttp2Stream;
  readonly #maxBytes: number;
  readonly #outcome: Promise<RpcFailure | undefined>;
  #settle: (failure: RpcFailure | undefined) => void = () => {};
  #settled = false;
  #reader: MessageReader | undefined;

  /** Throws RpcFailure when the session takes no calls any more. */
  constructor(session: ClientHttp2Session, headers: Readonly<Record<string, string>>, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#outcome = new Promise((resolve) => {
      this.#settle = (failure) => {
        this.#settled = true;
        resolve(failure);
      };
    });
    this.#stream = begun(session, headers);
    let broken: unknown;
    this.#stream.on('error', (error: unknown) => {
      broken = error;
    });
    this.#stream.once('response', (answer, flags) => this.#answered(answer, flags));
    this.#stream.once('trailers', (trailers: IncomingHttpHeaders) => this.#settle(statusOf(trailers)));
    this.#stream.once('close', () => {
      if (session.destroyed) this.#settle(unavailable(broken ?? new Error('the connection was lost')));
      else this.#settle(resetFailure(this.#stream.rstCode, broken));
    });
  }

  /** Writes a message; `taken` is called when the transport has it. Does nothing once the call is over. */
  send(message: Uint8Array, taken?: () => void): void {
    if (this.#stream.writable) this.#stream.write(framed(message), taken);
  }

  /** Nothing more is sent. */
  end(): void {
    if (this.#stream.writable) this.#stream.end();
  }

  /** Ends the call, whatever it has come to. */
  cancel(): void {
    if (!this.#settled) this.#settle(new RpcFailure(status.CANCELLED, 'cancelled'));
    // Nothing that has come meanwhile is read.
    this.#stream.resume();
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Each message as it comes, no faster than they are taken; throws RpcFailure unless the status is OK. To be read once. */
  async *messages(): AsyncGenerator<Buffer, void, void> {
    try {
      const chunks = this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
      for await (const chunk of chunks) {
        if (this.#reader !== undefined) yield* this.#reader.messages(chunk);
      }
    } catch (error) {
      // Why a stream has gone is told with its end.
      if (error instanceof SpirlError) this.#refuse(error);
    }
    const failure = await this.#outcome;
    if (failure !== undefined) throw failure;
    if (this.#reader?.inside === true) throw new RpcFailure(status.INTERNAL, 'the answer ends within a message');
  }

  #answered(headers: IncomingHttpHeaders, flags: number): void {
    const httpStatus = Number(headers[':status']);
    const type = headers['content-type'] ?? 'no type';
    if (httpStatus !== 200 || !/^application\/grpc(?:[+;]|$)/.test(type)) {
      this.#settle(new RpcFailure(status.UNKNOWN, `no gRPC answer: HTTP ${httpStatus}, ${type}`));
      this.cancel();
      return;
    }
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) this.#settle(statusOf(headers));
    const encoding = headers['grpc-encoding'] as string | undefined;
    try {
      this.#reader = new MessageReader({ maxBytes: this.#maxBytes, encoding });
    } catch (error) {
      this.#refuse(error as SpirlError);
    }
  }

  /** What came is no answer that can be read. */
  #refuse(error: SpirlError): void {
    const code = error.code === 'LIMIT_REACHED' ? status.RESOURCE_EXHAUSTED : status.INTERNAL;
    this.#settle(new RpcFailure(code, `the answer cannot be read: ${error.message}`, { cause: error }));
    this.cancel();
  }
}

function begun(session: ClientHttp2Session, headers: Readonly<Record<string, string>>): ClientHttp2Stream {
  try {
    return session.request(headers);
  } catch (cause) {
    throw new RpcFailure(status.UNAVAILABLE, 'the connection is closing', { unseen: true, cause });
  }
}

/** Undefined for OK. */
function statusOf(trailers: IncomingHttpHeaders): RpcFailure | undefined {
  const code = Number(trailers['grpc-status'] ?? status.UNKNOWN);
  if (code === status.OK) return undefined;
  return new RpcFailure(Number.isInteger(code) ? code : status.UNKNOWN, plain(trailers['grpc-message']));
}

/** Percent-encoded; text that is not is taken as it stands. */
function plain(message: string | string[] | undefined): string {
  const text = String(message ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
