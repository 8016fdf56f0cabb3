/** Settings and identity that go into every audit event. */
export interface OcsfSource {
  readonly version: string;
  readonly cloudProvider: string;
  readonly cloudRegion: string;
  readonly cloudAccount: string;
  readonly trustDomainId: string;
  readonly trustDomainDeploymentId: string;
}

/** OCSF 1.8.0 classes of the category Identity & Access Management (3). */
export const AUTHENTICATION = { uid: 3002, name: 'Authentication' } as const;
export const ENTITY_MANAGEMENT = { uid: 3004, name: 'Entity Management' } as const;

export interface OcsfActivity {
  readonly class: typeof AUTHENTICATION | typeof ENTITY_MANAGEMENT;
  readonly activityId: number;
  readonly activityName: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly success: boolean;
  /** Go's name of a gRPC code after a failure, `Unchanged` after a success that changed nothing. */
  readonly statusCode?: string | undefined;
  readonly message: string;
  /** Beside those of the source; `undefined` is left out. */
  readonly tags: Readonly<Record<string, string | undefined>>;
}

/** What all events have in common; the caller adds what is particular to the class. */
export function ocsfBase(source: OcsfSource, activity: OcsfActivity): Record<string, unknown> {
  const { cloudProvider, cloudRegion, cloudAccount } = source;
  const tags: Readonly<Record<string, string | undefined>> = {
    trust_domain_id: source.trustDomainId,
    trust_domain_deployment_id: source.trustDomainDeploymentId,
    ...activity.tags,
  };
  return {
    metadata: {
      version: '1.8.0',
      product: { name: 'spirl-server', version: source.version },
      tags: Object.entries(tags).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
    },
    time: activity.time,
    category_uid: 3,
    category_name: 'Identity & Access Management',
    class_uid: activity.class.uid,
    class_name: activity.class.name,
    activity_id: activity.activityId,
    activity_name: activity.activityName,
    type_uid: activity.class.uid * 100 + activity.activityId,
    severity_id: activity.success ? 1 : 3,
    severity: activity.success ? 'Informational' : 'Medium',
    status_id: activity.success ? 1 : 2,
    status: activity.success ? 'Success' : 'Failure',
    ...(activity.statusCode === undefined ? {} : { status_code: activity.statusCode }),
    message: activity.message,
    ...(cloudProvider === '' ? {} : { cloud: cloudOf({ cloudProvider, cloudRegion, cloudAccount }) }),
  };
}

function cloudOf(cloud: Pick<OcsfSource, 'cloudProvider' | 'cloudRegion' | 'cloudAccount'>): object {
  return {
    provider: cloud.cloudProvider,
    ...(cloud.cloudRegion === '' ? {} : { region: cloud.cloudRegion }),
    ...(cloud.cloudAccount === '' ? {} : { account: { uid: cloud.cloudAccount } }),
  };
}
