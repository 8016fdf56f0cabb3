import { constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { status } from '../grpc-code.js';
import { framed, MessageReader } from '../grpc-frame.js';
import { SpirlError } from '../errors.js';
import { resetFailure, RpcFailure, statusOf, unavailable, withoutGrpc } from './rpc-failure.js';

export interface ClientCallOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Longest message that is read. */
  readonly maxBytes: number;
  /** Cancels the call when it aborts. */
  readonly signal: AbortSignal;
}

/** One call on an HTTP/2 session, from its headers to its status. */
export class ClientCall {
  readonly #stream: ClientHttp2Stream;
  readonly #maxBytes: number;
  readonly #outcome: Promise<RpcFailure | undefined>;
  #settle: (failure: RpcFailure | undefined) => void = () => {};
  #reader: MessageReader | undefined;

  /** Throws RpcFailure when the session takes no calls any more. */
  constructor(session: ClientHttp2Session, { headers, maxBytes, signal }: ClientCallOptions) {
    this.#maxBytes = maxBytes;
    // What comes first stays.
    this.#outcome = new Promise((resolve) => (this.#settle = resolve));
    this.#stream = begun(session, headers);
    let broken: unknown;
    this.#stream.on('error', (error: unknown) => {
      broken = error;
    });
    this.#stream.once('response', (answer, flags) => this.#answered(answer, flags));
    this.#stream.once('trailers', (trailers: IncomingHttpHeaders) => this.#settle(statusOf(trailers)));
    // A server may end its side without a status, and ours may still be open: then nothing else would ever come.
    this.#stream.once('end', () => {
      if (!this.#stream.destroyed) this.#settle(new RpcFailure(status.INTERNAL, 'the answer ended without a status'));
    });
    const stop = (): void => this.cancel();
    this.#stream.once('close', () => {
      signal.removeEventListener('abort', stop);
      if (session.destroyed) this.#settle(unavailable(broken ?? new Error('the connection was lost')));
      else this.#settle(resetFailure(this.#stream.rstCode, broken));
    });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
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
    this.#settle(new RpcFailure(status.CANCELLED, 'cancelled'));
    if (!this.#stream.closed) this.#stream.close(constants.NGHTTP2_CANCEL);
    // Closing alone waits: for what has come to be read, and for the server to admit one more call when this one has not yet gone out.
    this.#stream.destroy();
  }

  /** Each message as it comes, no faster than they are taken; throws RpcFailure unless the status is OK. To be read once. */
  async *messages(): AsyncGenerator<Buffer, void, void> {
    let lost: unknown;
    try {
      const chunks = this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
      for await (const chunk of chunks) {
        if (this.#reader !== undefined) yield* this.#reader.messages(chunk);
      }
    } catch (error) {
      if (error instanceof SpirlError) throw this.#refused(error);
      lost = error;
    }
    const failure = await this.#outcome;
    if (failure !== undefined) throw failure;
    // The status had come, and what came before it was not read yet when the connection went.
    if (lost !== undefined) throw unavailable(lost);
    if (this.#reader?.inside === true) throw new RpcFailure(status.INTERNAL, 'the answer ends within a message');
  }

  #answered(headers: IncomingHttpHeaders, flags: number): void {
    const isAll = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const foreign = withoutGrpc(headers);
    if (foreign !== undefined) {
      this.#settle(isAll && headers['grpc-status'] !== undefined ? statusOf(headers) : foreign);
      this.cancel();
      return;
    }
    if (isAll) this.#settle(statusOf(headers));
    const encoding = headers['grpc-encoding'] as string | undefined;
    try {
      this.#reader = new MessageReader({ maxBytes: this.#maxBytes, encoding });
    } catch (error) {
      this.#refused(error as SpirlError);
    }
  }

  /** What came is no answer that can be read: ends the call, and returns why. */
  #refused(error: SpirlError): RpcFailure {
    const code = error.code === 'LIMIT_REACHED' ? status.RESOURCE_EXHAUSTED : status.INTERNAL;
    const failure = new RpcFailure(code, `the answer cannot be read: ${error.message}`, { cause: error });
    this.#settle(failure);
    this.cancel();
    return failure;
  }
}

function begun(session: ClientHttp2Session, headers: Readonly<Record<string, string>>): ClientHttp2Stream {
  try {
    return session.request(headers);
  } catch (cause) {
    throw new RpcFailure(status.UNAVAILABLE, 'the connection is closing', { unseen: true, cause });
  }
}
