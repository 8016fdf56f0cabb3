const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** What the path of an identity looks like unless a policy says otherwise, by platform of the cluster. */
export const DEFAULT_PATH_TEMPLATES = {
  k8s: '/{{cluster.name}}/ns/{{kubernetes.pod.namespace}}/sa/{{kubernetes.pod.service_account}}',
  linux: '/{{node_group.name}}/{{linux.user.name}}',
} as const;

export type PolicyPlatform = keyof typeof DEFAULT_PATH_TEMPLATES;

/** What stands where a policy is silent, and what it may not exceed. Durations in milliseconds. */
export interface PolicyOptions {
  readonly platform: PolicyPlatform;
  readonly x509TtlMs: number;
  readonly jwtTtlMs: number;
  readonly ttlFloor: TtlFloor;
}

/** `lab` is for tests and demonstrations. */
export type TtlFloor = 'production' | 'lab';

export type SvidType = 'x509' | 'jwt';

export const TTL_MAX_MS = 168 * HOUR_MS;
export const TTL_MIN_MS = {
  production: { x509: HOUR_MS, jwt: 5 * MINUTE_MS },
  lab: { x509: 10_000, jwt: 10_000 },
} as const satisfies Record<TtlFloor, Record<SvidType, number>>;
