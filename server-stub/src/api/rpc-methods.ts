import type { ServiceDefinition } from '@grpc/grpc-js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { framed } from 'spirl-agent/runtime/grpc-frame.js';
import type { RpcCall, RpcMethod } from 'spirl-agent/runtime/rpc-method.js';

/** A method and the path that it is called by. */
export type ServedMethod = readonly [path: string, method: RpcMethod];

/** How a method's messages look as bytes. */
export interface MessageCodec<Req, Res> {
  readonly path: string;
  /** Throws INVALID_REQUEST when the bytes are no such message. */
  readonly decode: (bytes: Buffer) => Req;
  readonly encode: (message: Res) => Buffer;
}

/** The codec of the method `name`. */
export function codecOf<Req, Res extends object>(definition: ServiceDefinition, name: string): MessageCodec<Req, Res> {
  const method = definition[name];
  if (method === undefined) throw new Error(`the API has no method ${name}`);
  return {
    path: method.path,
    decode: (bytes) => {
      try {
        return method.requestDeserialize(bytes) as Req;
      } catch (error) {
        throw new SpirlError('INVALID_REQUEST', 'request: the bytes are no message of the expected type', {
          cause: error,
        });
      }
    },
    encode: (message) => method.responseSerialize(message),
  };
}

/** A method with one request and one answer. */
export function unaryMethod<Req, Res>(
  { path, decode, encode }: MessageCodec<Req, Res>,
  serve: (request: Req, call: RpcCall) => Promise<Res>,
): ServedMethod {
  return [path, { type: 'unary', serve: async (bytes, call) => framed(encode(await serve(decode(bytes), call))) }];
}
