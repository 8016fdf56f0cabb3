/** A call that is being served. */
export interface RpcCall {
  /** Aborts when the call is over, whatever ended it. */
  readonly signal: AbortSignal;
  /** What the connection's owner said about the caller when it was accepted. */
  readonly peer: object;
  /** Sends a message (see `grpc-frame.ts`); `taken` is called when the transport has it. Does nothing once the call is over. */
  send(frame: Buffer, taken?: () => void): void;
  /** Ends the call with this failure: an expected one in its own words, anything else as INTERNAL. */
  fail(error: unknown): void;
}

/** A method as the server runs it; `serve` returns or throws, and with that the call ends. */
export type RpcMethod =
  | { readonly type: 'unary'; serve(request: Buffer, call: RpcCall): Promise<Buffer> }
  | { readonly type: 'server_stream'; serve(request: Buffer, call: RpcCall): Promise<void> }
  | { readonly type: 'bidi_stream'; serve(requests: AsyncIterable<Buffer>, call: RpcCall): Promise<void> };
