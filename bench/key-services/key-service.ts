/** How a service is asked for signatures with nothing in between. */
export type BareCalls =
  /** The bytes of one request, again and again over kept connections. `ca`: PEM of who vouches for the service. */
  | {
      readonly kind: 'http';
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly ca?: string;
    }
  /** C_SignInit and C_Sign, a thread for each session. */
  | {
      readonly kind: 'pkcs11';
      readonly modulePath: string;
      readonly tokenLabel: string;
      readonly pin: string;
      readonly sessions: number;
    }
  /** The official client's own call. */
  | { readonly kind: 'keyVault'; readonly vaultUrl: string };

/** A real key service that was started for the benchmark. */
export interface KeyService {
  /** `spec.extensions` of the section KeyManager. */
  readonly extension: Readonly<Record<string, unknown>>;
  /** `extensions` of the server's own configuration that the section needs. */
  readonly declared: DeclaredExtensions;
  /** Environment of every program that reaches the service. */
  readonly env: Readonly<Record<string, string>>;
  readonly bare: BareCalls;
  stop(): Promise<void>;
}

export interface DeclaredExtensions {
  readonly webhookHosts: readonly string[];
  readonly secretDirectories: readonly string[];
  readonly modules: readonly string[];
}

export const NOTHING_DECLARED: DeclaredExtensions = { webhookHosts: [], secretDirectories: [], modules: [] };

/** A kind of key service that the benchmark can start. */
export interface KeyServiceKind {
  readonly name: string;
  /** Calls under way: as many as the server gives such a service. */
  readonly inFlight: number;
  /** SVIDs in one call to the server; eight calls are under way. */
  readonly batch: number;
  /** Share of the bare client that must be reached; none: reported only. */
  readonly share?: number;
  /** What is not installed, and how to install it; undefined when all is there. */
  readonly missing: () => string | undefined;
  /** `dir` is its own, and removed afterwards. */
  start(dir: string): Promise<KeyService>;
}
