import { noIdentity, type AttributeView } from './attribute-view.js';
import { attributesOf, type Template } from './template.js';

/** Claims that the token itself makes; no policy may. */
export const REGISTERED_CLAIMS: ReadonlySet<string> = new Set(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']);
/** Longest value of a claim, characters. */
const MAX_VALUE = 4096;

/** Value of an additional claim: a template for text, or a constant. */
export type ClaimTemplate = { readonly template: Template } | { readonly constant: number | boolean };

/** The claims of one workload, in the order of the policy. Throws NO_IDENTITY_ISSUED. */
export function renderClaims(
  claims: ReadonlyMap<string, ClaimTemplate>,
  view: AttributeView,
): Readonly<Record<string, string | number | boolean>> {
  const rendered = [...claims].map(([name, claim]) => {
    return [name, 'constant' in claim ? claim.constant : renderText(claim.template, view)] as const;
  });
  // Not an assignment per name, so that a claim called __proto__ is only a claim.
  return Object.fromEntries(rendered);
}

function renderText(template: Template, view: AttributeView): string {
  const text = template.map((part) => ('text' in part ? part.text : view.single(part.attribute))).join('');
  if (text.length > MAX_VALUE)
    throw noIdentity(`attribute ${attributesOf(template).join(', ')} is too long for a claim`);
  return text;
}
