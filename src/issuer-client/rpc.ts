import { type Client, type ClientUnaryCall, type ServiceError, status } from '@grpc/grpc-js';
import { SpirlError } from '../runtime/errors.js';

/** A gRPC client as proto-loader makes it: methods by name. */
export type AnyClient = Client & Readonly<Record<string, (...args: never[]) => unknown>>;

type UnaryMethod = (request: object, done: (error: ServiceError | null, response?: unknown) => void) => ClientUnaryCall;

/** Calls a unary method; cancelled when `signal` aborts. Rejects with a `SpirlError` as `rpcError` makes it. */
export function callUnary<Res>(client: AnyClient, name: string, request: object, signal: AbortSignal): Promise<Res> {
  return new Promise<Res>((resolve, reject) => {
    signal.throwIfAborted();
    const method = client[name] as unknown as UnaryMethod;
    const stop = (): void => call.cancel();
    const call = method.call(client, request, (error, response) => {
      signal.removeEventListener('abort', stop);
      if (error === null) resolve(response as Res);
      else reject(signal.aborted ? (signal.reason as Error) : rpcError(error));
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

/**
 * A failed call as the agent sees it. UNAUTHENTICATED: the session (or the login) was refused, and the server's sentence says
 * why. Everything else is UNAVAILABLE: a failed call, whatever its code, says nothing about a workload's identity.
 */
export function rpcError(error: unknown): SpirlError {
  if (error instanceof SpirlError) return error;
  const { code, details } = error as Partial<ServiceError>;
  if (code === status.UNAUTHENTICATED) return new SpirlError('UNAUTHENTICATED', details ?? '', { cause: error });
  const sentence =
    code === status.UNAVAILABLE || code === status.CANCELLED || code === undefined
      ? 'the trust-domain server cannot be reached'
      : 'the trust-domain server could not answer';
  return new SpirlError('UNAVAILABLE', sentence, { cause: error });
}

/** What the log says of a failure: the sentence, and what lies behind it. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const details = (error.cause as Partial<ServiceError> | undefined)?.details;
  return details === undefined || details === error.message ? error.message : `${error.message}: ${details}`;
}
