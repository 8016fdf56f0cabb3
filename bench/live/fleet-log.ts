// What a fleet of real agents notes while it works. Moments are milliseconds since the epoch, so that processes agree.

/** One message of an agent to its server. */
export interface MessageNote {
  readonly agent: number;
  readonly renewal: boolean;
  readonly items: number;
  readonly issued: number;
  readonly sentAt: number;
  readonly endedAt: number;
  /** Why nothing came of the others: `late`, `refused` (too many wait) or `lost`. */
  readonly failure: 'late' | 'refused' | 'lost' | undefined;
}

/** An SVID that a workload got. */
export interface ArrivalNote {
  /** Number of the SVID in the fleet. */
  readonly svid: number;
  readonly agent: number;
  readonly at: number;
  readonly keyset: string;
  readonly notAfter: number;
}

/** A trust state that an agent took in. */
export interface TrustNote {
  readonly agent: number;
  readonly at: number;
  readonly keysets: Readonly<Record<string, string>>;
}

/** The wait after a taint that an agent drew. */
export interface WaitNote {
  readonly agent: number;
  readonly at: number;
  readonly waitMs: number;
}

/** A stream that ended with an error. */
export interface EndNote {
  readonly svid: number;
  readonly at: number;
  readonly code: string;
}

/** Everything that was noted, in the order in which it happened on each agent. */
export interface FleetLog {
  readonly messages: readonly MessageNote[];
  readonly arrivals: readonly ArrivalNote[];
  readonly trust: readonly TrustNote[];
  readonly waits: readonly WaitNote[];
  readonly ends: readonly EndNote[];
  /** When an agent was started, or started again. */
  readonly starts: readonly { readonly agent: number; readonly at: number }[];
  /** When an agent had its first session. */
  readonly logins: readonly { readonly agent: number; readonly at: number }[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };
export type OpenFleetLog = Mutable<FleetLog>;

export function emptyLog(): OpenFleetLog {
  return { messages: [], arrivals: [], trust: [], waits: [], ends: [], starts: [], logins: [] };
}

/** The logs of several processes as one, each list in the order of its moments. */
export function mergedLogs(logs: readonly FleetLog[]): FleetLog {
  const all = emptyLog();
  for (const log of logs) {
    for (const key of Object.keys(all) as (keyof FleetLog)[]) {
      const to = all[key] as unknown[];
      for (const note of log[key]) to.push(note);
    }
  }
  all.messages.sort((a, b) => a.endedAt - b.endedAt);
  for (const list of [all.arrivals, all.trust, all.waits, all.ends, all.starts, all.logins]) {
    list.sort((a: { at: number }, b: { at: number }) => a.at - b.at);
  }
  return all;
}

/** Wall-clock milliseconds that never go back within a process. */
export function moment(): number {
  return performance.timeOrigin + performance.now();
}
