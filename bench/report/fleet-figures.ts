import type { Foresight } from '../fleet/foresee.js';
import { countText, percentText, shortCount, timeText } from './fleet-words.js';

export interface FigureGroup {
  readonly title: string;
  readonly rows: readonly (readonly [label: string, value: string])[];
}

/** The figures of a report, grouped as a reader asks for them. */
export function figureGroups(foresight: Foresight): readonly FigureGroup[] {
  return [
    waveGroup(foresight),
    removeGroup(foresight),
    loadGroup(foresight),
    firstsGroup(foresight),
    keyManagerGroup(foresight),
  ].filter(({ rows }) => rows.length > 0);
}

function waveGroup({ report: { wave } }: Foresight): FigureGroup {
  if (wave === undefined) return { title: 'Wave', rows: [] };
  const tooOld = wave.remainingTooOld === 0 ? '' : ` (${countText(wave.remainingTooOld)} with agents too old)`;
  const left = `${countText(wave.remaining)}${tooOld}`;
  return {
    title: 'Wave, from the taint on',
    rows: [
      ['SVIDs on the old keyset', countText(wave.svids)],
      ['half renewed', timeText(wave.t50Ms)],
      ['90 % renewed', timeText(wave.t90Ms)],
      ['99 % renewed', timeText(wave.t99Ms)],
      ['all renewed', timeText(wave.t100Ms)],
      ['left at the end', left],
    ],
  };
}

function removeGroup({ remove }: Foresight): FigureGroup {
  if (remove === undefined) return { title: 'Remove', rows: [] };
  return {
    title: 'Remove, after taint returned',
    rows: [
      ['X.509-SVIDs: safe from', waitText(remove.x509WaitMs)],
      ['JWT-SVIDs: safe from', waitText(remove.jwtWaitMs)],
    ],
  };
}

/** Never shorter than it is. */
function waitText(ms: number | undefined): string {
  return timeText(ms === undefined ? undefined : Math.ceil(ms / 1000) * 1000);
}

function loadGroup({ report: { load, servers }, replicasNeeded }: Foresight): FigureGroup {
  return {
    title: 'Servers',
    rows: [
      ['peak, SVIDs in one second', countText(load.peakMintsPerSecond)],
      ['peak over 5 s', `${countText(load.peakMintsPer5s)}/s`],
      ['replicas', `${servers.replicas} × ${shortCount(servers.capacity)}/s`],
      ['replicas the peak needs', countText(replicasNeeded)],
      ['longest queue', `${countText(load.longestQueue)} SVIDs`],
      ['renewal answered, p50 / p99', `${timeText(load.renewalP50Ms)} / ${timeText(load.renewalP99Ms)}`],
    ],
  };
}

function firstsGroup({ report: { firsts } }: Foresight): FigureGroup {
  if (firsts === undefined) return { title: 'First SVIDs', rows: [] };
  return {
    title: 'First SVIDs, from the agent’s start',
    rows: [
      ['issued', countText(firsts.done)],
      ['p50 / p99', `${timeText(firsts.p50Ms)} / ${timeText(firsts.p99Ms)}`],
      ['longest', timeText(firsts.longestMs)],
      ['missing at the end', countText(firsts.missing)],
    ],
  };
}

function keyManagerGroup({ report: { keyManager } }: Foresight): FigureGroup {
  if (keyManager === undefined) return { title: 'Key manager', rows: [] };
  const { quota, quotaShare } = keyManager;
  const share =
    quota === undefined || quotaShare === undefined
      ? 'no quota'
      : `${percentText(quotaShare)} of ${countText(quota)}/s`;
  return {
    title: 'Key manager',
    rows: [
      ['signatures', countText(keyManager.calls)],
      ['cost', `${keyManager.cost.toFixed(2)} ${keyManager.currency}`],
      ['peak of the quota', share],
      ['calls throttled', countText(keyManager.throttled)],
    ],
  };
}
