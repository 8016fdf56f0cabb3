/** What an agent needs to reach its server. */
export interface AgentAccess {
  /** `host:port` */
  readonly address: string;
  /** Server name of the TLS handshake, when it is not the host of `address`. */
  readonly serverName?: string;
  readonly clusterId: string;
  readonly clusterVersionId: string;
  readonly keyFile: string;
  readonly bootstrapFile: string;
}

/** What all agents of a process have in common. Times in milliseconds. */
export interface LightFleetOptions {
  readonly access: AgentAccess;
  readonly stateDir: string;
  /** Waits after a taint and renewal times are drawn from it as the simulator draws them. */
  readonly seed: number;
  readonly taintDelayMaxMs: number;
  readonly renewalsPerSecond: number;
  /** First and longest wait of a workload whose stream ended. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
}

/** One agent: its SVIDs are numbered in the fleet from `firstSvid` on. */
export interface LightAgentPlan {
  readonly index: number;
  readonly svids: number;
  readonly firstSvid: number;
  /** It is started so much later. */
  readonly afterMs: number;
}

/** How far a process's agents have come. */
export interface LightProgress {
  readonly agents: number;
  readonly loggedIn: number;
  readonly held: number;
  /** SVIDs that the keyset asked about has signed. */
  readonly heldOfKeyset: number;
  /** States of the keysets, as one of the agents knows them. */
  readonly keysets: Readonly<Record<string, string>>;
  /** Why an agent ended that nobody had stopped. */
  readonly failures: readonly string[];
}
