/** What a failed call means for what comes next. */
export type TokenFate =
  /** The session or the token is gone: open again. */
  | 'lost'
  /** The module has no room for the moment. */
  | 'busy'
  /** The same call will fail again. */
  | 'refused';

/** A call that a module did not carry out, as it crosses from a token's thread. */
export interface TokenFault {
  readonly fate: TokenFate;
  /** `CKR_PIN_INCORRECT`, or a sentence of ours. */
  readonly reason: string;
  /** It was the PIN that was refused: trying it again could lock the token. */
  readonly pin?: true;
}

/** Thrown where the call was made. */
export class TokenError extends Error implements TokenFault {
  readonly fate: TokenFate;
  readonly reason: string;
  readonly pin?: true;
  constructor({ fate, reason, pin }: TokenFault) {
    super(reason);
    this.name = 'TokenError';
    this.fate = fate;
    this.reason = reason;
    if (pin) this.pin = pin;
  }
}

const BUSY = new Set([
  0x02, // CKR_HOST_MEMORY
  0x31, // CKR_DEVICE_MEMORY
  0xb1, // CKR_SESSION_COUNT
]);

/** What is not here, vendors' own codes among them, may be cured by opening again. */
const REFUSED = new Set([
  0x07, // CKR_ARGUMENTS_BAD
  0x0a, // CKR_CANT_LOCK
  0x10, // CKR_ATTRIBUTE_READ_ONLY
  0x11, // CKR_ATTRIBUTE_SENSITIVE
  0x12, // CKR_ATTRIBUTE_TYPE_INVALID
  0x13, // CKR_ATTRIBUTE_VALUE_INVALID
  0x1b, // CKR_ACTION_PROHIBITED
  0x20, // CKR_DATA_INVALID
  0x21, // CKR_DATA_LEN_RANGE
  0x54, // CKR_FUNCTION_NOT_SUPPORTED
  0x62, // CKR_KEY_SIZE_RANGE
  0x63, // CKR_KEY_TYPE_INCONSISTENT
  0x68, // CKR_KEY_FUNCTION_NOT_PERMITTED
  0x70, // CKR_MECHANISM_INVALID
  0x71, // CKR_MECHANISM_PARAM_INVALID
  0xa0, // CKR_PIN_INCORRECT
  0xa1, // CKR_PIN_INVALID
  0xa2, // CKR_PIN_LEN_RANGE
  0xa3, // CKR_PIN_EXPIRED
  0xa4, // CKR_PIN_LOCKED
  0xb5, // CKR_SESSION_READ_ONLY
  0xd0, // CKR_TEMPLATE_INCOMPLETE
  0xd1, // CKR_TEMPLATE_INCONSISTENT
  0xe2, // CKR_TOKEN_WRITE_PROTECTED
  0x102, // CKR_USER_PIN_NOT_INITIALIZED
  0x104, // CKR_USER_ANOTHER_ALREADY_LOGGED_IN
  0x130, // CKR_DOMAIN_PARAMS_INVALID
  0x140, // CKR_CURVE_NOT_SUPPORTED
  0x200, // CKR_FUNCTION_REJECTED
]);

const PIN = { first: 0xa0, last: 0xa4 };

export const CKR = {
  KEY_HANDLE_INVALID: 0x60,
  OBJECT_HANDLE_INVALID: 0x82,
  USER_ALREADY_LOGGED_IN: 0x100,
  CRYPTOKI_ALREADY_INITIALIZED: 0x191,
} as const;

/** The code of a module's refusal; undefined for an error of another kind. */
export function codeOf(error: unknown): number | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/** Any error of a call as a fault. Texts of modules are not passed on, only the names of codes are. */
export function faultOf(error: unknown): TokenFault {
  if (error instanceof TokenError) return error;
  const code = codeOf(error);
  if (code === undefined) return { fate: 'lost', reason: 'the module failed' };
  const name = /CKR_[A-Z0-9_]+/.exec((error as Error).message)?.[0] ?? `0x${code.toString(16)}`;
  const fate = BUSY.has(code) ? 'busy' : REFUSED.has(code) ? 'refused' : 'lost';
  return { fate, reason: name, ...(code >= PIN.first && code <= PIN.last && { pin: true }) };
}
