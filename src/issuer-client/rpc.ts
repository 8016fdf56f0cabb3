import { SpirlError } from '../runtime/errors.js';
import type { ClientCall } from '../runtime/grpc-client/client-call.js';
import type { GrpcClient } from '../runtime/grpc-client/grpc-client.js';
import { RpcFailure } from '../runtime/grpc-client/rpc-failure.js';
import { status } from '../runtime/grpc-code.js';
import { ProtobufError } from '../runtime/protobuf/proto-reader.js';
import type { ServerMethod } from './server-methods.js';

/** What is needed of a connection for calls of one message each way. */
export interface UnaryCalls {
  /** Rejects with a `SpirlError` as `rpcError` makes it, or the reason of `signal`. */
  unary<Req extends object, Res extends object>(
    method: ServerMethod<Req, Res>,
    request: Partial<Req>,
    signal: AbortSignal,
  ): Promise<Res>;
}

/** One message for one; cancelled when `signal` aborts. Rejects as `UnaryCalls` says. */
export async function callUnary<Req extends object, Res extends object>(
  client: GrpcClient,
  { path, request: requestType, response }: ServerMethod<Req, Res>,
  request: Partial<Req>,
  signal: AbortSignal,
): Promise<Res> {
  try {
    return response.decode(await client.unary(path, requestType.encode(request), signal));
  } catch (error) {
    signal.throwIfAborted();
    throw rpcError(error);
  }
}

/** A call on which both sides send messages as they like. */
export class Conversation<Req extends object, Res extends object> {
  readonly #call: ClientCall;
  readonly #method: ServerMethod<Req, Res>;

  constructor(call: ClientCall, method: ServerMethod<Req, Res>) {
    this.#call = call;
    this.#method = method;
  }

  /** `taken` is called when the transport has the message. */
  send(message: Partial<Req>, taken?: () => void): void {
    this.#call.send(this.#method.request.encode(message), taken);
  }

  end(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  /** Ends when the server ends the call well; throws otherwise (see `rpcError`). */
  async *answers(): AsyncGenerator<Res, void, void> {
    for await (const message of this.#call.messages()) yield this.#method.response.decode(message);
  }
}

/**
 * A failed call as the agent sees it. UNAUTHENTICATED: the session (or the login) was refused, and the server's sentence says
 * why. Everything else is UNAVAILABLE: a failed call, whatever its code, says nothing about a workload's identity.
 */
export function rpcError(error: unknown): SpirlError {
  if (error instanceof SpirlError) return error;
  const { code, details } = error instanceof RpcFailure ? error : { code: status.INTERNAL, details: '' };
  if (code === status.UNAUTHENTICATED) return new SpirlError('UNAUTHENTICATED', details, { cause: error });
  const sentence =
    code === status.UNAVAILABLE || code === status.CANCELLED
      ? 'the trust-domain server cannot be reached'
      : 'the trust-domain server could not answer';
  return new SpirlError('UNAVAILABLE', sentence, { cause: error });
}

/** What the log says of a failure: the sentence, and what lies behind it. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const details = cause instanceof RpcFailure || cause instanceof ProtobufError ? cause.message : error.message;
  return details === error.message ? error.message : `${error.message}: ${details}`;
}
