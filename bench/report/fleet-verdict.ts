import type { Foresight } from '../fleet/foresee.js';
import { countText, timeText } from './fleet-words.js';

/** One answer of the report. `unknown`: the scenario ended too early to say. */
export interface Verdict {
  readonly state: 'good' | 'bad' | 'warning' | 'unknown';
  readonly sentence: string;
}

/** What the report says first. */
export function verdictsOf(foresight: Foresight): readonly Verdict[] {
  return [
    ...rotationVerdicts(foresight),
    ...removeVerdicts(foresight),
    gapVerdict(foresight),
    ...loadVerdicts(foresight),
  ];
}

function rotationVerdicts({ report }: Foresight): readonly Verdict[] {
  return report.rotationFailure === undefined ? [] : [{ state: 'bad', sentence: report.rotationFailure }];
}

function removeVerdicts({ remove, report }: Foresight): readonly Verdict[] {
  if (remove === undefined) return [];
  const { asked, x509WaitMs, becauseOfTooOld, jwtWaitMs, atThisPaceMs } = remove;
  const rounded = x509WaitMs === undefined ? undefined : Math.ceil(x509WaitMs / 1000) * 1000;
  const why = becauseOfTooOld ? ' (agents too old to know a taint renew in their own time)' : '';
  const pace =
    atThisPaceMs === undefined ? 'and there is no progress' : `at this pace about ${timeText(atThisPaceMs)} are needed`;
  const earliest =
    rounded === undefined
      ? `after ${timeText(report.lastedMs)} SVIDs of the old keyset are still held: ${pace}`
      : `the last one is replaced ${timeText(rounded)} after taint has returned${why}`;
  const verdicts: Verdict[] = [];
  if (asked === undefined) {
    const sentence = `X.509-SVIDs: ${earliest}; remove is safe from then on.`;
    verdicts.push({ state: rounded === undefined ? 'unknown' : becauseOfTooOld ? 'warning' : 'good', sentence });
  } else if (asked.identities === 0 && rounded !== undefined && rounded <= asked.waitMs) {
    const spare = timeText(asked.waitMs - rounded);
    const sentence = `YES, remove after ${timeText(asked.waitMs)} breaks no X.509-SVID: ${earliest}, ${spare} to spare.`;
    verdicts.push({ state: 'good', sentence });
  } else {
    const safe =
      rounded !== undefined
        ? `wait ${timeText(rounded)} from when taint has returned${why}`
        : atThisPaceMs === undefined
          ? `after ${timeText(report.lastedMs)} there is no end in sight`
          : `wait about ${timeText(atThisPaceMs)}, at the pace that was seen`;
    verdicts.push({ state: 'bad', sentence: `NO, not after ${timeText(asked.waitMs)}: ${safe}.` });
    const broken = `${countText(asked.identities)} identities would hold an X.509-SVID that nobody trusts any more`;
    if (asked.identities > 0)
      verdicts.push({ state: 'bad', sentence: `Removed after ${timeText(asked.waitMs)}, ${broken}.` });
  }
  if (asked === undefined || asked.waitMs < jwtWaitMs) {
    const sentence = `JWT-SVIDs issued before activate (lifetime ${timeText(report.ttl.jwtMs)}) verify until remove, and run out ${timeText(Math.ceil(jwtWaitMs / 1000) * 1000)} after taint has returned: before that, remove ends those that workloads still hold.`;
    verdicts.push({ state: asked === undefined ? 'good' : 'warning', sentence });
  }
  return verdicts;
}

function gapVerdict({ report }: Foresight): Verdict {
  if (report.gaps.length === 0) {
    return { state: 'good', sentence: 'No gap: no identity was without a valid SVID at any moment.' };
  }
  const parts = report.gaps.map(
    ({ cause, identities, longestMs, open }) =>
      `${countText(identities)} identities, up to ${timeText(longestMs)}${open > 0 ? ` and not over for ${countText(open)}` : ''} (${cause})`,
  );
  return { state: 'bad', sentence: `Gaps: ${parts.join('; ')}.` };
}

function loadVerdicts({ report, replicasNeeded }: Foresight): readonly Verdict[] {
  const { servers, load, unanswered, keyManager, firsts, holes } = report;
  const verdicts: Verdict[] = [];
  const throttled = keyManager !== undefined && keyManager.throttled > 0;
  if (replicasNeeded > servers.replicas && !throttled) {
    const sentence = `The peak wants ${replicasNeeded} replicas, there are ${servers.replicas}.`;
    verdicts.push({ state: 'warning', sentence });
  }
  if (keyManager !== undefined && keyManager.throttled > 0) {
    const more = replicasNeeded > servers.replicas ? ` Without it the peak would want ${replicasNeeded} replicas.` : '';
    const sentence = `The key manager’s quota is the limit: it refused ${countText(keyManager.throttled)} calls, which were repeated.${more}`;
    verdicts.push({ state: 'warning', sentence });
  }
  if (unanswered.timedOut + unanswered.shed > 0) {
    const wasted = unanswered.wasted > 0 ? ` ${countText(unanswered.wasted)} were signed for nobody.` : '';
    const sentence = `Not answered in time: ${countText(unanswered.timedOut)}, refused: ${countText(unanswered.shed)} (asked for again).${wasted}`;
    verdicts.push({ state: 'warning', sentence });
  }
  if (firsts !== undefined && firsts.missing > 0) {
    verdicts.push({
      state: 'bad',
      sentence: `${countText(firsts.missing)} workloads still wait for their first SVID at the end.`,
    });
  }
  if (holes.identities > 0) {
    const sentence = `${countText(holes.identities)} SVIDs were taken out of an agent’s cache before there was another, for up to ${timeText(holes.longestMs)}: new callers wait, open streams can be refused.`;
    verdicts.push({ state: 'bad', sentence });
  }
  if (load.longestQueue > servers.replicas * servers.capacity) {
    const sentence = `Up to ${countText(load.longestQueue)} SVIDs waited at the servers; of the answers, one in a hundred took longer than ${timeText(load.renewalP99Ms ?? load.firstP99Ms)}.`;
    verdicts.push({ state: 'warning', sentence });
  }
  return verdicts;
}
