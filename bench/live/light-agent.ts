import { setMaxListeners } from 'node:events';
import { Registry } from 'prom-client';
import type { Attributes } from '../../src/domain/attributes.js';
import { Overloaded } from '../../src/domain/overloaded.js';
import type { X509Svid } from '../../src/domain/svid.js';
import type { X509Context } from '../../src/domain/x509-context.js';
import { openIssuerClient, type IssuerClient } from '../../src/issuer-client/issuer-client.js';
import { clusterKeyEvidence } from '../../src/issuer-client/node-evidence.js';
import type { Clock } from '../../src/runtime/clock.js';
import { hasCode, SpirlError } from '../../src/runtime/errors.js';
import { silentLogger } from '../../src/runtime/logger.js';
import { runTasks } from '../../src/runtime/task-group.js';
import type { X509Issuer } from '../../src/svid/issuer.js';
import type { RenewalChance } from '../../src/svid/renewal-chance.js';
import { createSvidRoom, SVID_DEFAULTS, type SvidRoom } from '../../src/svid/svid-room.js';
import { AgentMetrics } from '../../src/telemetry/metrics.js';
import { Random } from '../fleet/random.js';
import { moment, type MessageNote, type OpenFleetLog } from './fleet-log.js';
import type { LightAgentPlan, LightFleetOptions } from './light-fleet-options.js';
import { seededChance, uidOf } from './seeded-chance.js';

/** As `src/agent.ts`: nothing is signed for the question what a changed policy means. */
const POLICY_DELAY_MAX_MS = 50;
/** First stream of seeds that belongs to agents. */
const AGENT_STREAMS = 1_000;

/**
 * An agent as it ships, but for the Unix socket and the attestation before it: session, bundle stream, minting, renewal loop, gate
 * and taint wave are put together as `src/agent.ts` does. Its workloads are streams of the SVID room itself.
 */
export class LightAgent {
  readonly #plan: LightAgentPlan;
  readonly #options: LightFleetOptions;
  readonly #clock: Clock;
  readonly #log: OpenFleetLog;
  readonly #random: Random;
  /** One for all lives of the agent. */
  readonly #chance: RenewalChance;
  /** What each workload holds. */
  readonly #held: (X509Svid | undefined)[];
  #keysets: Readonly<Record<string, string>> = {};
  #agentId: string | undefined;

  constructor(plan: LightAgentPlan, options: LightFleetOptions, clock: Clock, log: OpenFleetLog) {
    this.#plan = plan;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#random = new Random(options.seed, AGENT_STREAMS + plan.index);
    this.#chance = seededChance(plan, options, (waitMs) => {
      log.waits.push({ agent: plan.index, at: moment(), waitMs });
    });
    this.#held = new Array<X509Svid | undefined>(plan.svids).fill(undefined);
  }

  /** SVIDs that its workloads hold. */
  get held(): number {
    return this.#held.filter((svid) => svid !== undefined).length;
  }
  /** Those that `keyset` signed. */
  heldOf(keyset: string): number {
    return this.#held.filter((svid) => svid?.keysetId === keyset).length;
  }
  /** As the newest trust state names them, with their states. */
  get keysets(): Readonly<Record<string, string>> {
    return this.#keysets;
  }
  get isLoggedIn(): boolean {
    return this.#agentId !== undefined;
  }

  /** Runs one life of the agent, from its start until `signal` aborts; its state directory outlives it. */
  async run(signal: AbortSignal): Promise<void> {
    const { plan, metrics } = { plan: this.#plan, metrics: new AgentMetrics(new Registry(), 'live') };
    this.#log.starts.push({ agent: plan.index, at: moment() });
    this.#held.fill(undefined);
    const shared = { metrics, clock: this.#clock, random: this.#random.next };
    const { access } = this.#options;
    const server = await openIssuerClient({
      ...shared,
      ...access,
      stateDir: `${this.#options.stateDir}/${plan.index}`,
      evidence: clusterKeyEvidence(access),
      keySource: 'server',
      agentVersion: 'live',
      nodeName: `live-${plan.index}`,
      logger: silentLogger,
    });
    const svids = this.#room(server, shared);
    server.trust.subscribe(({ deployments, bundles }) => this.#trusts(server, deployments, bundles.length), signal);
    const rooms = [server, svids].map((part) => (stop: AbortSignal) => part.run(stop));
    const workloads = Array.from({ length: plan.svids }, (_, place) => (stop: AbortSignal) => {
      return this.#workload(svids, place, stop);
    });
    await runTasks([...rooms, ...workloads], signal);
  }

  #room(
    server: IssuerClient,
    shared: { readonly metrics: AgentMetrics; readonly clock: Clock; readonly random: () => number },
  ): SvidRoom {
    const { taintDelayMaxMs, renewalsPerSecond } = this.#options;
    return createSvidRoom(
      {
        ...shared,
        trust: server.trust,
        x509Issuer: this.#noted(server.issuer),
        jwtIssuer: server.issuer,
        resolver: server.issuer,
        server,
        log: silentLogger,
        agentId: () => server.agentId() ?? 'not logged in yet',
        chance: this.#chance,
      },
      {
        ...SVID_DEFAULTS,
        ...{ taintDelayMaxMs, renewalsPerSecond, policyDelayMaxMs: POLICY_DELAY_MAX_MS },
        maxIdentities: this.#plan.svids + 1,
      },
    );
  }

  #trusts(
    server: IssuerClient,
    deployments: readonly { readonly keysets: Readonly<Record<string, string>> }[],
    bundles: number,
  ): void {
    if (bundles === 0) return;
    const at = moment();
    if (this.#agentId === undefined) this.#log.logins.push({ agent: this.#plan.index, at });
    this.#agentId = server.agentId();
    const keysets = Object.assign({}, ...deployments.map((deployment) => deployment.keysets)) as Record<string, string>;
    this.#keysets = keysets;
    this.#log.trust.push({ agent: this.#plan.index, at, keysets });
  }

  /** The issuer, with each of its messages noted. */
  #noted(issuer: X509Issuer): X509Issuer {
    return {
      mint: async (items, signal) => {
        const sentAt = moment();
        const note = (issued: number, failure: MessageNote['failure']): void => {
          const renewal = items[0]?.renewal === true;
          const { index: agent } = this.#plan;
          this.#log.messages.push({ agent, renewal, items: items.length, issued, sentAt, endedAt: moment(), failure });
        };
        try {
          const answers = await issuer.mint(items, signal);
          const failures = answers.filter((answer) => answer instanceof SpirlError);
          note(items.length - failures.length, failures[0] && failureOf(failures[0]));
          return answers;
        } catch (error) {
          note(0, failureOf(error));
          throw error;
        }
      },
    };
  }

  /** A workload with an open stream: it asks again when the stream ends, as workloads do. */
  async #workload(svids: SvidRoom, place: number, signal: AbortSignal): Promise<void> {
    const { retryMs, retryMaxMs } = this.#options;
    // All workloads of an agent have one signal.
    setMaxListeners(0, signal);
    const svid = this.#plan.firstSvid + place;
    const attributes = workloadAttributes(uidOf(svid));
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await svids.x509.watch(attributes, (context) => this.#got(place, context), signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#held[place] = undefined;
        this.#log.ends.push({ svid, at: moment(), code: error instanceof SpirlError ? error.code : 'unexpected' });
        const waitMs = Math.min(retryMaxMs, retryMs * 2 ** Math.min(failures, 20)) * (0.5 + 0.5 * this.#random.next());
        await this.#clock.sleep(waitMs, signal);
      }
    }
  }

  #got(place: number, { svids }: X509Context): void {
    const [svid] = svids;
    // A changed bundle comes with the SVID that is there already.
    if (svid === undefined || this.#held[place]?.serial === svid.serial) return;
    this.#held[place] = svid;
    const { index: agent, firstSvid } = this.#plan;
    const { keysetId: keyset, notAfter } = svid;
    this.#log.arrivals.push({ svid: firstSvid + place, agent, at: moment(), keyset, notAfter });
  }
}

/** What the Linux attestor finds out about a process of `uid`. */
function workloadAttributes(uid: number): Attributes {
  const id = String(uid);
  return { 'linux.user.id': [id], 'linux.group.id': [id] };
}

function failureOf(error: unknown): NonNullable<MessageNote['failure']> {
  if (hasCode(error, 'DEADLINE_EXCEEDED')) return 'late';
  return error instanceof Overloaded || hasCode(error, 'LIMIT_REACHED') ? 'refused' : 'lost';
}
