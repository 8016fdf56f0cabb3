import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { loadDefinition } from 'spirl-agent/runtime/service-definition.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import { adminMethods, type AdminMethod } from './admin-caller.js';
import type { WireScope, WireUpdateConfig } from './admin-messages.js';
import type { ServedMethod } from './rpc-methods.js';

interface Scope {
  readonly kind: 'cluster' | 'trust-domain-deployment';
  readonly id: string;
}

interface Update {
  readonly documents: readonly string[];
  readonly prune: boolean;
  readonly expectedVersion: string;
}

/** The managed configuration. */
export interface ManagedSections {
  get(scope: Scope): {
    readonly version: string;
    readonly sections: readonly {
      readonly section: string;
      readonly schema: string;
      readonly document: string;
      readonly updatedAt: number;
    }[];
  };
  validate(
    scope: Scope,
    update: Update,
  ): readonly { readonly section: string; readonly path: string; readonly reason: string }[];
  /** Returns the new version. Throws INVALID_CONFIG, VERSION_MISMATCH. */
  update(scope: Scope, update: Update): Promise<string>;
}

export interface ConfigAdminOptions {
  readonly config: ManagedSections;
  /** Throws NOT_FOUND for a cluster that is not registered. */
  readonly clusters: { require(clusterId: string): unknown };
  readonly deploymentId: string;
  readonly logger: Logger;
}

/** `com.spirl.api.v1.config.API` */
export function configAdmin(options: ConfigAdminOptions): readonly ServedMethod[] {
  const { config } = options;
  const definition = loadDefinition('spirl/admin/v1/config.proto', 'com.spirl.api.v1.config.API');
  return adminMethods(definition, {
    UpdateConfig: update(options),
    GetConfig: ({ scope }: { scope: WireScope | null }) => {
      const { version, sections } = config.get(knownScope(options, scope));
      return {
        version,
        sections: sections.map(({ updatedAt, ...section }) => ({ ...section, updatedAtMs: updatedAt })),
      };
    },
  });
}

function update(options: ConfigAdminOptions): AdminMethod<WireUpdateConfig, object> {
  const { config, logger } = options;
  return async (request, { operator }) => {
    const scope = knownScope(options, request.scope);
    const { sectionUpdates: documents, prune, expectedVersion } = request;
    if (documents.length === 0 && !prune) throw new SpirlError('INVALID_REQUEST', 'no section was given');
    if (request.validateOnly) {
      const problems = config.validate(scope, { documents, prune, expectedVersion });
      return { version: config.get(scope).version, problems };
    }
    const version = await config.update(scope, { documents, prune, expectedVersion });
    logger.info('Managed configuration updated', { operator: operator.name, scope: scope.kind, id: scope.id, version });
    return { version, problems: [] };
  };
}

/** Throws NOT_FOUND, INVALID_REQUEST. */
function knownScope({ clusters, deploymentId }: ConfigAdminOptions, scope: WireScope | null): Scope {
  const { kind = '', id = '' } = scope ?? {};
  switch (kind) {
    case 'cluster':
      clusters.require(id);
      return { kind, id };
    case 'trust-domain-deployment':
      if (id === deploymentId) return { kind, id };
      throw new SpirlError('NOT_FOUND', `trust domain deployment ${JSON.stringify(id.slice(0, 100))} not found`);
    default:
      throw new SpirlError(
        'INVALID_REQUEST',
        `not a scope: ${JSON.stringify(kind.slice(0, 100))} (cluster, trust-domain-deployment)`,
      );
  }
}
