import type { ConfigScope, ManagedSection } from './managed-section.js';

/** What is in force for one scope. Immutable. */
export interface ScopeConfig {
  readonly scope: ConfigScope;
  /** 27 characters that sort by time; empty when nothing was ever set. */
  readonly version: string;
  /** By name. */
  readonly sections: readonly ManagedSection[];
}

/** All managed configuration, as one snapshot. */
export interface ManagedConfigState {
  readonly version: number;
  /** By `scopeKey`; a scope for which nothing was ever set is absent. */
  readonly scopes: ReadonlyMap<string, ScopeConfig>;
}

export function scopeKey({ kind, id }: ConfigScope): string {
  return `${kind}/${id}`;
}

export function configOf(state: ManagedConfigState, scope: ConfigScope): ScopeConfig {
  return state.scopes.get(scopeKey(scope)) ?? { scope, version: '', sections: [] };
}

/** A cluster's section; `undefined` when it has none. The same object until the section is set again. */
export function clusterSection(state: ManagedConfigState, clusterId: string, name: string): ManagedSection | undefined {
  return sectionIn(configOf(state, { kind: 'cluster', id: clusterId }), name);
}

/** The specs of a cluster's sections that its agents act on, by name. */
export function agentSections(state: ManagedConfigState, clusterId: string): Readonly<Record<string, unknown>> {
  const { sections } = configOf(state, { kind: 'cluster', id: clusterId });
  return Object.fromEntries(sections.filter(({ section }) => AGENTS.has(section)).map((s) => [s.section, s.spec]));
}

const AGENTS = new Set(['WorkloadAttestation', 'AttributeRedaction']);

/**
 * A section of the deployment. One that was set through a cluster's scope is the same setting: the one set last counts.
 */
export function deploymentSection(
  state: ManagedConfigState,
  deploymentId: string,
  name: string,
): ManagedSection | undefined {
  const own = configOf(state, { kind: 'trust-domain-deployment', id: deploymentId });
  const clusters = [...state.scopes.values()].filter(({ scope }) => scope.kind === 'cluster');
  return [own, ...clusters]
    .flatMap((config) => sectionIn(config, name) ?? [])
    .reduce<ManagedSection | undefined>(
      (last, next) => (last && last.updatedAt >= next.updatedAt ? last : next),
      undefined,
    );
}

function sectionIn({ sections }: ScopeConfig, name: string): ManagedSection | undefined {
  return sections.find(({ section }) => section === name);
}
