import type { KeyType } from '../../domain/signing-key.js';

/** Where a token is, and as whom we come. */
export interface TokenPlace {
  readonly modulePath: string;
  readonly tokenLabel: string;
}

/** A key pair of the token: `label` says whose, `id` which. */
export interface KeyName {
  /** CKA_LABEL. */
  readonly label: string;
  /** CKA_ID, as text. */
  readonly id: string;
}

/** What the token tells of a key's public half. */
export interface TokenKey extends KeyName {
  readonly publicKey: TokenPublicKey;
}

export type TokenPublicKey =
  | { readonly family: 'EC'; readonly params: Uint8Array; readonly point: Uint8Array }
  | { readonly family: 'RSA'; readonly modulus: Uint8Array; readonly exponent: Uint8Array }
  /** Half a pair, or a kind of key that is not ours. */
  | { readonly family: 'unknown' };

/** A call for the thread of a token. */
export type TokenCall =
  /** Ends the session, if there is one; `module`: and the module too, which nobody of this process uses any more. */
  | { readonly do: 'close' }
  /** Opens a session, or opens it again. `anew`: after the module was ended and begun again, which ends everybody's sessions. */
  | ({ readonly do: 'open'; readonly pin: string | undefined; readonly begin: 'once' | 'anew' } & TokenPlace)
  | { readonly do: 'list'; readonly label: string }
  | ({ readonly do: 'generate'; readonly type: KeyType } & KeyName)
  | ({ readonly do: 'sign'; readonly mechanism: number; readonly data: Uint8Array } & KeyName)
  | ({ readonly do: 'destroy' } & KeyName);

/** What each call answers. */
export interface TokenAnswers {
  close: undefined;
  open: undefined;
  list: readonly TokenKey[];
  generate: TokenKey;
  sign: Uint8Array;
  destroy: undefined;
}

/** What is asked of an open token. */
export type KeyCall = Exclude<TokenCall, { do: 'open' | 'close' }>;
export type AnswerTo<C extends TokenCall> = TokenAnswers[C['do']];

/** One session with a token, in a thread of its own; calls are carried out one after another. */
export interface Lane {
  /** No call is carried out any more. */
  readonly ended: boolean;
  /** Rejects with TokenError. */
  call<C extends TokenCall>(call: C): Promise<AnswerTo<C>>;
  close(): void;
}
