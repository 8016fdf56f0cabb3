/** Messages of the admin API as proto-loader shows them (`proto/spirl/admin/v1`). Times are milliseconds since the epoch. */
export interface DeploymentName {
  readonly trustDomain: string;
  readonly deploymentName: string;
}
export interface SigningKeyMessage {
  readonly keyType: 'KEY_TYPE_X509' | 'KEY_TYPE_JWT' | 'KEY_TYPE_UNSPECIFIED';
  /** Id of the keyset. */
  readonly keyId: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly state: 'STATE_ACTIVE' | 'STATE_PREPARED' | 'STATE_TAINTED' | 'STATE_UNSPECIFIED';
  readonly fingerprint: string;
  readonly agentSvids: number;
  /** Key manager: `sealed`, `awsKMS`, … */
  readonly custody: string;
  /** JSON; empty: none. */
  readonly custodySettings: string;
  readonly keyReference: string;
}
export interface SigningAuthorityStatus {
  readonly trustDomainDeploymentId: string;
  readonly trustDomainDeploymentName: string;
  readonly rotationSchedule: {
    readonly lastRotatedAtMs: number;
    readonly preparationThresholdMs: number;
    readonly activationThresholdMs: number;
  } | null;
  readonly signingKeys: readonly SigningKeyMessage[];
  readonly mutationUnderWay: string;
}
export interface TrustDomainInfo {
  readonly trustDomain: string;
  readonly trustDomainId: string;
  readonly bundleEndpoint: string;
  readonly signingAuthorityStatuses: readonly SigningAuthorityStatus[];
  readonly bundleSequence: number;
  readonly serverVersion: string;
}
export interface ClusterMessage {
  readonly id: string;
  readonly name: string;
  readonly platform: string;
  readonly registeredAtMs: number;
  readonly keys: number;
  readonly agents: number;
}
export interface ClusterKeyMessage {
  readonly clusterVersionId: string;
  readonly addedAtMs: number;
  readonly fingerprint: string;
}
export interface AgentMessage {
  readonly id: string;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly version: string;
  readonly nodeName: string;
  readonly loggedInAtMs: number;
  readonly sessionExpiresAtMs: number;
  readonly connected: boolean;
  readonly acknowledgedRevision: number;
  readonly svidsPerKeyset: Readonly<Record<string, number>>;
}
export interface ConfigScopeMessage {
  readonly kind: string;
  readonly id: string;
}
export interface ConfigProblemMessage {
  readonly section: string;
  readonly path: string;
  readonly reason: string;
}
export interface ConfigSectionMessage {
  readonly section: string;
  readonly schema: string;
  readonly document: string;
  readonly updatedAtMs: number;
}
export interface TrustBundleMessage {
  readonly trustDomain: string;
  readonly sequence: number;
  readonly refreshHintSeconds: number;
  readonly x509Authorities: readonly Buffer[];
  readonly jwtAuthorities: readonly string[];
}

interface Rpc<Request, Response> {
  readonly request: Request;
  readonly response: Response;
}
type KeysetStep = Rpc<
  { deployment: DeploymentName; keySetId: string },
  { signingKeys: readonly SigningKeyMessage[]; unchanged: boolean; rootStillTrusted: boolean }
>;
type Nothing = Readonly<Record<string, never>>;

export type AdminService = 'trustdomain' | 'cluster' | 'config' | 'bundle';

/** Every method of the admin API: `service.Method`. */
export interface AdminMethods {
  'trustdomain.TrustDomainInfo': Rpc<{ trustDomain: string }, TrustDomainInfo>;
  'trustdomain.TrustDomainSigningAuthorityStatus': Rpc<
    DeploymentName,
    { signingAuthorityStatuses: readonly SigningAuthorityStatus[] }
  >;
  'trustdomain.PrepareDeploymentKeySet': Rpc<
    { deployment: DeploymentName },
    { keySetId: string; signingKeys: readonly SigningKeyMessage[] }
  >;
  'trustdomain.ActivateDeploymentKeySet': KeysetStep;
  'trustdomain.TaintDeploymentKeySet': KeysetStep;
  'trustdomain.RemoveDeploymentKeySet': KeysetStep;
  'trustdomain.RewrapDeploymentKeySets': Rpc<
    { deployment: DeploymentName },
    { provider: string; key: string; records: readonly { name: string; rewrapped: boolean }[] }
  >;
  'cluster.RegisterCluster': Rpc<
    { name: string; trustDomain: string; platform: string; publicKey: Uint8Array },
    { clusterId: string; clusterVersionId: string }
  >;
  'cluster.ListClusters': Rpc<{ trustDomain: string }, { clusters: readonly ClusterMessage[] }>;
  'cluster.AddClusterKey': Rpc<{ clusterId: string; publicKey: Uint8Array }, { clusterVersionId: string }>;
  'cluster.ListClusterKeys': Rpc<{ clusterId: string }, { keys: readonly ClusterKeyMessage[] }>;
  'cluster.DeleteClusterKey': Rpc<{ clusterId: string; clusterVersionId: string }, Nothing>;
  'cluster.ListAgents': Rpc<{ clusterId: string }, { agents: readonly AgentMessage[] }>;
  'cluster.EvictAgent': Rpc<{ agentId: string }, Nothing>;
  'config.UpdateConfig': Rpc<
    {
      scope: ConfigScopeMessage;
      sectionUpdates: readonly string[];
      prune: boolean;
      expectedVersion: string;
      validateOnly: boolean;
    },
    { version: string; problems: readonly ConfigProblemMessage[] }
  >;
  'config.GetConfig': Rpc<
    { scope: ConfigScopeMessage },
    { version: string; sections: readonly ConfigSectionMessage[] }
  >;
  'bundle.GetTrustBundle': Rpc<{ clusterId: string }, TrustBundleMessage>;
}
