/** `ValidateJWTSVIDResponse` as it comes off the wire: `claims` is a google.protobuf.Struct. */
export interface WireValidation {
  readonly spiffeId: string;
  readonly claims: { readonly fields: Readonly<Record<string, WireValue>> };
}

interface WireValue {
  readonly kind: string;
  readonly stringValue?: string;
  readonly numberValue?: number;
  readonly listValue?: { readonly values: readonly WireValue[] };
}

/** Strings, numbers and lists of them: what the claims of the standard are. */
export function claimsOf(answer: WireValidation): Record<string, unknown> {
  const plain = (value: WireValue): unknown =>
    value.stringValue ?? value.numberValue ?? value.listValue?.values.map(plain);
  return Object.fromEntries(Object.entries(answer.claims.fields).map(([name, value]) => [name, plain(value)]));
}
