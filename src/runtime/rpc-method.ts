/** A call that is being served. */
export interface RpcCall {
  /** Aborts when the call is over, whatever ended it. Made when first asked for: `isGone` is for those who only look. */
  readonly signal: AbortSignal;
  /** Whether the call is over. */
  readonly isGone: boolean;
  /** When its caller gives up, in milliseconds since the epoch; `Infinity`: it did not say. */
  readonly deadline: number;
  /** What the connection's owner said about the caller when it was accepted. */
  readonly peer: object;
  /** Sends a message (see `grpc-frame.ts`); `taken` is called when the transport has it. Does nothing once the call is over. */
  send(frame: Buffer, taken?: () => void): void;
  /** Ends the call well. */
  end(): void;
  /** Ends the call with this failure: an expected one in its own words, anything else as INTERNAL. */
  fail(error: unknown): void;
}

/** The server's part of a call in which both sides send messages. What it throws, the call fails with. */
export interface RpcConversation {
  /** The next message. If it promises something, the one after it waits for that, and the client with it. */
  message(request: Buffer): Promise<void> | void;
  /** The client has nothing more to say. */
  halfClosed(): void;
  /** The call is over, whatever ended it. Told once; nothing is said to it afterwards. */
  over(): void;
}

/** A method as the server runs it; what `serve` returns or throws ends the call. */
export type RpcMethod =
  | { readonly type: 'unary'; serve(request: Buffer, call: RpcCall): Promise<Buffer> }
  | { readonly type: 'server_stream'; serve(request: Buffer, call: RpcCall): Promise<void> }
  | {
      readonly type: 'bidi_stream';
      /** Longest message of the client, in bytes, where that is less than the server takes elsewhere. */
      readonly maxRequestBytes?: number;
      open(call: RpcCall): RpcConversation;
    };
