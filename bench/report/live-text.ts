import type { LiveFacts } from '../live/live-report.js';
import { countText, percentText, timeText } from './fleet-words.js';

/** What only a live run can tell. */
export function liveText({ storm, capacity, streamsEnded, machine, fullAgents }: LiveFacts): string {
  const rows: [string, string][] = [
    ['capacity of the server', `${countText(capacity)} SVIDs/s, measured`],
    ['login storm', `${countText(storm.agents)} agents, the last has a session after ${timeText(storm.lastLoginMs)}`],
    ['all SVIDs held', `after ${timeText(storm.lastSvidMs)}`],
    ['streams that ended', countText(streamsEnded)],
    ['the machine', `${machine.cores} cores, busy ${percentText(Number(machine.busyShare.toFixed(2)))} of the time`],
  ];
  if (fullAgents !== undefined) {
    const { agents, workloads, identities, onOld, lastRenewedMs, gaps } = fullAgents;
    const ended = countText(fullAgents.streamsEnded);
    rows.push(
      ['full agents', `${agents} with ${workloads} workloads of ${identities} identities`],
      ['their last renewal', `${timeText(lastRenewedMs)} after the taint, ${onOld} left`],
      ['their gaps', `${gaps}; streams that ended: ${ended}`],
    );
  }
  return `Live\n${rows.map(([label, value]) => `  ${label.padEnd(30)}${value}`).join('\n')}\n`;
}
