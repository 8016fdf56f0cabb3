import type { TrustState } from '../domain/trust-state.js';
import type { Clock } from '../runtime/clock.js';
import type { Latest } from '../runtime/latest.js';
import type { Logger } from '../runtime/logger.js';
import { runTasks } from '../runtime/task-group.js';
import { Entitlement } from './entitlement.js';
import { Holdings } from './holdings.js';
import type { Acknowledge, IdentityResolver, JwtIssuer, SvidMetrics, X509Issuer } from './issuer.js';
import { JwtSvids } from './jwt-svids.js';
import { PolicyFollower } from './policy-follower.js';
import { usualRenewalChance, type RenewalChance } from './renewal-chance.js';
import { RENEWALS_PER_SECOND } from './renewal-gate.js';
import { TAINT_DELAY_MAX_MS } from './taint-wave.js';
import { TrustBundles } from './trust-bundles.js';
import { TrustSource } from './trust-source.js';
import { UID_LIMITS, type UidLimitSettings } from './uid-limits.js';
import { X509Svids } from './x509-svids.js';

export interface SvidSettings {
  /** Longest random wait of a taint renewal; a lab makes it shorter than 60 s. */
  readonly taintDelayMaxMs: number;
  /** Renewals that may start per second; a laboratory may raise it. */
  readonly renewalsPerSecond: number;
  /** Longest random wait before the server is asked what a changed policy means. */
  readonly policyDelayMaxMs: number;
  readonly sharing: 'identity' | 'connection';
  readonly maxIdentities: number;
  readonly maxJwtSvids: number;
  readonly maxJwtSvidsPerUid: number;
  readonly jwtUidLimits: UidLimitSettings;
}

export const SVID_DEFAULTS: SvidSettings = {
  taintDelayMaxMs: TAINT_DELAY_MAX_MS,
  renewalsPerSecond: RENEWALS_PER_SECOND,
  policyDelayMaxMs: 5_000,
  sharing: 'identity',
  maxIdentities: 10_000,
  maxJwtSvids: 10_000,
  maxJwtSvidsPerUid: 1_000,
  jwtUidLimits: UID_LIMITS,
};

/** What this room needs. */
export interface SvidParts {
  readonly trust: Latest<TrustState>;
  readonly x509Issuer: X509Issuer;
  readonly jwtIssuer: JwtIssuer;
  readonly resolver: IdentityResolver;
  readonly server: Acknowledge;
  readonly metrics: SvidMetrics;
  readonly clock: Clock;
  /** The agent's own logger. */
  readonly log: Logger;
  /** Uniform, 0 up to but not including 1. */
  readonly random: () => number;
  /** What spreads renewals, where it has to be another one than usual: a fleet that is compared with its simulation. */
  readonly chance?: RenewalChance;
  /** Id that the server gave this agent; any constant text before the first login. */
  readonly agentId: () => string;
}

/** What this room gives. */
export interface SvidRoom {
  readonly x509: X509Svids;
  readonly jwt: JwtSvids;
  readonly bundles: TrustBundles;
  readonly entitlement: Entitlement;
  run(signal: AbortSignal): Promise<void>;
}

/** Puts the room together: each trust state goes through its parts in order and is acknowledged when all streams have it. */
export function createSvidRoom(parts: SvidParts, settings: SvidSettings): SvidRoom {
  const { clock, random, agentId, metrics } = parts;
  const log = parts.log.named('svids');
  const { taintDelayMaxMs } = settings;
  const bundles = new TrustBundles(parts.log);
  const chance = parts.chance ?? usualRenewalChance(random);
  const trust = new TrustSource({ clock, random: () => chance.taintDelay(), taintDelayMaxMs });
  const cache = { max: settings.maxJwtSvids, maxPerUid: settings.maxJwtSvidsPerUid };
  const shared = { trust, clock, log, metrics, random, agentId };
  const changed = (): void => holdings.changed();
  const stale = (): void => policies.wake();
  const x509 = new X509Svids({ ...shared, ...settings, chance, bundles, issuer: parts.x509Issuer, changed, stale });
  const jwt = new JwtSvids({ ...shared, issuer: parts.jwtIssuer, cache, uid: settings.jwtUidLimits });
  const entitlement = new Entitlement({ held: x509, resolver: parts.resolver, trust, clock });
  const holdings = new Holdings(parts.server, () => x509.svidsPerKeyset(), clock);
  const policies = new PolicyFollower(x509, {
    ...{ resolver: parts.resolver, clock, log, random },
    delayMaxMs: settings.policyDelayMaxMs,
    policyVersion: () => trust.view?.policy.version ?? 0,
  });
  const follow = (state: TrustState): void => {
    if (state.bundles.length === 0) return;
    bundles.apply(state);
    const change = trust.apply(state);
    jwt.trustChanged(change);
    entitlement.trustChanged(change);
    x509.trustChanged(change);
    holdings.pushed(state.version);
    policies.wake();
  };
  return {
    ...{ x509, jwt, bundles, entitlement },
    run: (signal) => {
      parts.trust.subscribe(follow, signal);
      const tasks = [x509, jwt, holdings, policies].map((part) => (ended: AbortSignal) => part.run(ended));
      return runTasks(tasks, signal);
    },
  };
}
