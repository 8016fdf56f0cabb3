import type { Attributes } from 'spirl-agent/domain/attributes.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';

export const MAX_ITEMS = 500;
const MAX_NAMES = 256;
const MAX_NAME = 512;
/** Characters of all names and values of one item. */
const MAX_TOTAL = 65_536;
const MAX_CSR_BYTES = 8192;
const MAX_AUDIENCES = 32;
const MAX_AUDIENCE = 2048;

/** Known from the session; an agent must not say who it is. */
const OF_THE_SESSION = /^(cluster|node_group)(\.|$)/;

/** Throws INVALID_REQUEST. */
export function checkItemCount(count: number): void {
  if (count < 1 || count > MAX_ITEMS) throw invalid(`items: 1 to ${MAX_ITEMS} are allowed, not ${count}`);
}

/** Refuses attributes that are too many, too large or not the agent's to give. Throws INVALID_REQUEST. */
export function checkAttributes(attributes: Attributes): Attributes {
  const entries = Object.entries(attributes);
  if (entries.length > MAX_NAMES) throw invalid(`attributes: at most ${MAX_NAMES} are allowed, not ${entries.length}`);
  let total = 0;
  for (const [name, values] of entries) {
    if (name === '' || name.length > MAX_NAME) throw invalid(`attributes: a name has 1 to ${MAX_NAME} characters`);
    if (OF_THE_SESSION.test(name)) throw invalid(`attribute ${name} comes from the session, never from the agent`);
    total += name.length + values.reduce((sum, value) => sum + value.length, 0);
    if (total > MAX_TOTAL)
      throw invalid(`attribute ${shown(name)}: at most ${MAX_TOTAL} characters in all are allowed`);
  }
  return attributes;
}

/** Throws INVALID_REQUEST. */
export function checkCsr(csr: Uint8Array): Uint8Array {
  if (csr.length > MAX_CSR_BYTES) throw invalid(`csr: at most ${MAX_CSR_BYTES} bytes are allowed`);
  return csr;
}

/** Throws INVALID_REQUEST. */
export function checkAudience(audience: readonly string[]): readonly string[] {
  const fits = audience.every((one) => one !== '' && one.length <= MAX_AUDIENCE);
  if (fits && audience.length >= 1 && audience.length <= MAX_AUDIENCES) return audience;
  throw invalid(`audience: 1 to ${MAX_AUDIENCES} of 1 to ${MAX_AUDIENCE} characters are required`);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

function invalid(sentence: string): SpirlError {
  return new SpirlError('INVALID_REQUEST', sentence);
}
