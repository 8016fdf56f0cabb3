import type { DeploymentKeysets } from '../domain/trust-bundle.js';
import type { TrustState } from '../domain/trust-state.js';
import { canonicalJson } from '../runtime/canonical-json.js';
import { Latest } from '../runtime/latest.js';
import type { TrustContent } from './messages.js';
import type { StateDirectory } from './state-directory.js';

const FILE = 'trust-state.json';
const FORMAT = 1;

const NOTHING: TrustContent = {
  bundles: [],
  deployments: [],
  sessionCa: [],
  policy: { version: 0, reads: [] },
  sections: {},
};

/** `published`: it is the state now. `unchanged`: it says what was known. `older`: refused, `reason` says why. */
export type Accepted =
  | { readonly outcome: 'published' | 'unchanged'; readonly version: number }
  | { readonly outcome: 'older'; readonly reason: string };

/** The last trust state of the server, kept across restarts so that bundles are served also while the server is away. */
export class TrustStore {
  readonly latest: Latest<TrustState>;
  readonly #state: StateDirectory;
  readonly #clusterId: string;
  #text: string;

  private constructor(state: StateDirectory, clusterId: string, content: TrustContent) {
    this.#state = state;
    this.#clusterId = clusterId;
    this.#text = encode(content);
    this.latest = new Latest<TrustState>({ version: 1, ...content });
  }

  /** What was known for another cluster counts for nothing. */
  static async open(state: StateDirectory, clusterId: string): Promise<TrustStore> {
    const content = await state.read(FILE, (value) => {
      const stored = value as { format?: number; clusterId?: string; state?: unknown };
      return stored.format === FORMAT && stored.clusterId === clusterId ? decode(stored.state) : NOTHING;
    });
    return new TrustStore(state, clusterId, content ?? NOTHING);
  }

  /** Takes a state from the server, unless it is older than what is known of one of the deployments. */
  async accept(content: TrustContent): Promise<Accepted> {
    const { deployments, version } = this.latest.value;
    const older = olderDeployment(content.deployments, deployments);
    if (older !== undefined) return { outcome: 'older', reason: older };
    const text = encode(content);
    if (text === this.#text) return { outcome: 'unchanged', version };
    this.#text = text;
    this.latest.publish({ version: version + 1, ...content });
    await this.#state.write(FILE, {
      format: FORMAT,
      clusterId: this.#clusterId,
      state: JSON.parse(text) as unknown,
    });
    return { outcome: 'published', version: version + 1 };
  }
}

/** Tells which deployment would go back in time. A deployment that is new, or gone, does not. */
export function olderDeployment(
  next: readonly DeploymentKeysets[],
  known: readonly DeploymentKeysets[],
): string | undefined {
  for (const { deploymentId, epoch, revision } of next) {
    const have = known.find((one) => one.deploymentId === deploymentId);
    if (have === undefined || epoch > have.epoch || (epoch === have.epoch && revision >= have.revision)) continue;
    return `${deploymentId} at (${epoch}, ${revision}) is older than (${have.epoch}, ${have.revision})`;
  }
  return undefined;
}

/** One text per content; certificates as base64. */
function encode(content: TrustContent): string {
  return canonicalJson({
    ...content,
    bundles: content.bundles.map((bundle) => ({
      ...bundle,
      x509Authorities: bundle.x509Authorities.map(({ certificate }) => Buffer.from(certificate).toString('base64')),
    })),
    sessionCa: content.sessionCa.map((der) => Buffer.from(der).toString('base64')),
  });
}

function decode(stored: unknown): TrustContent {
  const plain = stored as Omit<TrustContent, 'sessionCa' | 'bundles'> & {
    readonly sessionCa: readonly string[];
    readonly bundles: readonly (Omit<TrustContent['bundles'][number], 'x509Authorities'> & {
      readonly x509Authorities: readonly string[];
    })[];
  };
  return {
    ...plain,
    bundles: plain.bundles.map((bundle) => ({
      ...bundle,
      x509Authorities: bundle.x509Authorities.map((der) => ({ certificate: Buffer.from(der, 'base64') })),
    })),
    sessionCa: plain.sessionCa.map((der) => Buffer.from(der, 'base64')),
  };
}
