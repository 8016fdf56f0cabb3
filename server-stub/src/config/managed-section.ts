import type { Problem } from 'spirl-agent/runtime/problems.js';

export const SCOPE_KINDS = ['cluster', 'trust-domain-deployment'] as const;
export type ScopeKind = (typeof SCOPE_KINDS)[number];

/** Whose configuration: a cluster's (`c-…`) or a deployment's (`tdd-…`). */
export interface ConfigScope {
  readonly kind: ScopeKind;
  readonly id: string;
}

/** A section in force. Immutable; the same object until it is set again. */
export interface ManagedSection {
  readonly section: string;
  readonly schema: string;
  /** As it was given, YAML. */
  readonly document: string;
  /** Its `spec`, parsed; `{}` when it has none. */
  readonly spec: unknown;
  /** Milliseconds since the epoch. */
  readonly updatedAt: number;
}

/** Everything that is wrong with a spec, as JSON Pointers below `at`. */
export type SpecCheck = (spec: unknown, at: string, scope: ConfigScope) => readonly Problem[];

/** A section that this version knows. */
export interface SectionType {
  readonly name: string;
  readonly schema: string;
  readonly scopes: readonly ScopeKind[];
  readonly check: SpecCheck;
}
