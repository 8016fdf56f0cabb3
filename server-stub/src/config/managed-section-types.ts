import type { Schema } from 'ajv';
import { readAttributeRedaction } from 'spirl-agent/domain/attribute-redaction.js';
import { readWorkloadAttestation } from 'spirl-agent/domain/workload-attestation.js';
import type { Problem } from 'spirl-agent/runtime/problems.js';
import { schemaCheck } from './json-schema.js';
import type { SectionType, SpecCheck } from './managed-section.js';

/** Providers that the sections of later versions name. What is not here is a mistake; what is here is not available yet. */
const KEY_MANAGERS = ['awsKMS', 'azureKeyVault', 'pkcs11', 'webhook'] as const;
const UPSTREAM_AUTHORITIES = ['awsPca', 'disk', 'webhook'] as const;

/** What a section with `extensions.<provider>` may hold: its structure, and what a structure cannot say. */
export interface ExtensionsCheck {
  /** JSON Schema of `spec`. */
  readonly schema: Schema;
  /** Asked of every spec, whatever its structure; of a value whose type is wrong it says nothing. */
  readonly problems: (spec: unknown, at: string) => readonly Problem[];
}

/** Sections whose providers the server composes; without a check every provider is one of later versions. */
export interface ProviderSections {
  readonly keyManager?: ExtensionsCheck;
  readonly upstreamAuthority?: ExtensionsCheck;
}

/** Every section that this version knows. `policy` checks an SVIDIssuancePolicy. */
export function sectionTypes(policy: SpecCheck, providers: ProviderSections = {}): readonly SectionType[] {
  const { keyManager, upstreamAuthority } = providers;
  return [
    {
      name: 'WorkloadAttestation',
      schema: 'v1',
      scopes: ['cluster'],
      check: (spec, at) => below(at, readWorkloadAttestation(spec).problems),
    },
    {
      name: 'AttributeRedaction',
      schema: 'v1',
      scopes: ['cluster'],
      check: (spec, at) => below(at, readAttributeRedaction(spec).problems),
    },
    { name: 'SVIDIssuancePolicy', schema: 'v1', scopes: ['cluster'], check: policy },
    {
      name: 'KeyManager',
      schema: 'v1',
      scopes: ['trust-domain-deployment'],
      check: extensions(KEY_MANAGERS, keyManager),
    },
    {
      name: 'UpstreamAuthority',
      schema: 'v1',
      // It belongs to the deployment; configuration written for clusters names it there.
      scopes: ['trust-domain-deployment', 'cluster'],
      check: extensions(UPSTREAM_AUTHORITIES, upstreamAuthority),
    },
  ];
}

function below(at: string, problems: ReturnType<typeof readWorkloadAttestation>['problems']): ReturnType<SpecCheck> {
  return problems.map(({ path, reason }) => ({ path: at + path, reason }));
}

/** `extensions.<provider>`: a provider that does not exist yet is refused by name, one that is unset is none. */
function extensions(known: readonly string[], providers: ExtensionsCheck | undefined): SpecCheck {
  if (providers !== undefined) return structureAndMeaning(providers);
  const schema: Schema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      extensions: {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(known.map((name) => [name, { type: 'object' }])),
      },
    },
  };
  const structure = schemaCheck(schema);
  return (spec, at) => {
    const problems = structure(spec, at);
    const given = (spec as { extensions?: Readonly<Record<string, unknown>> | null } | null)?.extensions ?? {};
    const later = known.filter((name) => Object.hasOwn(given, name) && isSet(given[name]));
    return [
      ...problems,
      ...later.map((name) => ({
        path: `${at}/extensions/${name}`,
        reason: `${name} is not available in this version`,
      })),
    ];
  };
}

function structureAndMeaning({ schema, problems }: ExtensionsCheck): SpecCheck {
  const structure = schemaCheck(schema);
  return (spec, at) => {
    const found = structure(spec, at);
    const told = new Set(found.map(({ path }) => path));
    return [...found, ...problems(spec, at).filter(({ path }) => !told.has(path))];
  };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}
