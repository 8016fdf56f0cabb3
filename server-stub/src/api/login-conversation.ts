import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { framed } from 'spirl-agent/runtime/grpc-frame.js';
import type { RpcCall, RpcConversation } from 'spirl-agent/runtime/rpc-method.js';

export interface LoginHello {
  readonly clusterId: string;
  readonly agentVersion: string;
  readonly csr: Buffer;
  readonly nodeName: string;
}

export interface LoginProof {
  readonly clusterVersionId: string;
  readonly signature: Buffer;
}

/** `LoginRequest` */
export interface LoginRequest {
  readonly hello?: LoginHello;
  readonly proof?: LoginProof;
}

/** What a login is judged by. */
export interface Login {
  /** What the agent has to prove itself with. */
  readonly challenge: object;
  /** Judges the proof; what the agent is granted. `isGone`: whether it still waits. */
  grant(hello: LoginHello, proof: LoginProof, caller: { readonly isGone: boolean }): Promise<object>;
}

export interface LoginConversationParts {
  /** Throws INVALID_REQUEST. */
  readonly decode: (bytes: Buffer) => LoginRequest;
  readonly encode: (response: object) => Buffer;
  /** An agent has said hello. */
  begin(): Login;
  over(): void;
}

/** One login on one stream: hello, challenge, proof, grant. Each step only after the one before it; nothing after the last. */
export class LoginConversation implements RpcConversation {
  readonly #parts: LoginConversationParts;
  readonly #call: RpcCall;
  #begun: { readonly hello: LoginHello; readonly login: Login } | undefined;

  constructor(parts: LoginConversationParts, call: RpcCall) {
    this.#parts = parts;
    this.#call = call;
  }

  message(bytes: Buffer): Promise<void> | void {
    const { hello, proof } = this.#parts.decode(bytes);
    if (this.#begun !== undefined) return this.#prove(this.#begun.hello, this.#begun.login, proof);
    if (!hello) throw new SpirlError('INVALID_REQUEST', 'a login begins with hello');
    const login = this.#parts.begin();
    this.#begun = { hello, login };
    this.#send({ challenge: login.challenge });
  }

  halfClosed(): void {
    throw new SpirlError('INVALID_REQUEST', 'the login was not finished');
  }

  over(): void {
    this.#parts.over();
  }

  async #prove(hello: LoginHello, login: Login, proof: LoginProof | undefined): Promise<void> {
    if (!proof) throw new SpirlError('INVALID_REQUEST', 'a challenge is answered with proof');
    const grant = await login.grant(hello, proof, this.#call);
    this.#send({ grant });
    this.#call.end();
  }

  #send(response: object): void {
    this.#call.send(framed(this.#parts.encode(response)));
  }
}
