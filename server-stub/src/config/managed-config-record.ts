import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { CONFIG_VERSION_PATTERN } from './config-version.js';
import type { ScopeConfig } from './managed-config-state.js';
import { parseSectionDocument } from './managed-document.js';
import { SCOPE_KINDS, type ConfigScope, type ManagedSection } from './managed-section.js';

const FORMAT = 1;
export const RECORDS = 'config/';

/** A scope's sections are one record, so that an update of several of them is one write. */
export function recordName({ kind, id }: ConfigScope): string {
  return `${RECORDS}${kind}/${id}`;
}

export function scopeOfRecord(name: string): ConfigScope {
  const [, kind, id] = name.split('/');
  const known = SCOPE_KINDS.find((scope) => scope === kind);
  if (known === undefined || id === undefined || id === '') throw corrupt(name, 'its name is no scope');
  return { kind: known, id };
}

export function encodeScopeConfig({ version, sections }: ScopeConfig): object {
  // The spec is in the document.
  const stored = sections.map(({ document, updatedAt }) => ({ document, updatedAt }));
  return { format: FORMAT, version, sections: stored };
}

/** Throws STORE_CORRUPT. */
export function decodeScopeConfig(name: string, value: unknown): ScopeConfig {
  const { format, version, sections } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (format !== FORMAT) throw corrupt(name, `this server knows format ${FORMAT}`);
  if (typeof version !== 'string' || !CONFIG_VERSION_PATTERN.test(version) || !Array.isArray(sections)) {
    throw corrupt(name, 'a field is missing');
  }
  return { scope: scopeOfRecord(name), version, sections: sections.map((section) => decodeSection(name, section)) };
}

function decodeSection(name: string, value: unknown): ManagedSection {
  const { document, updatedAt } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (typeof document !== 'string' || typeof updatedAt !== 'number') throw corrupt(name, 'a section is incomplete');
  try {
    return { ...parseSectionDocument(document, name), document, updatedAt };
  } catch (error) {
    throw corrupt(name, 'a section cannot be read', error);
  }
}

function corrupt(name: string, why: string, cause?: unknown): SpirlError {
  return new SpirlError('STORE_CORRUPT', `record ${JSON.stringify(name)} cannot be used: ${why}`, { cause });
}
