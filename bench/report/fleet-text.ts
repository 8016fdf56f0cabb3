import type { Foresight } from '../fleet/foresee.js';
import { figureGroups } from './fleet-figures.js';
import { verdictsOf } from './fleet-verdict.js';
import { capacityText, countText, shortCount, timeText } from './fleet-words.js';

const BARS = ' ▁▂▃▄▅▆▇█';
const SIGNS = { good: '✓', bad: '✗', warning: '!', unknown: '?' } as const;
const WIDTH = 60;

/** The summary for a terminal. */
export function fleetText(foresight: Foresight): string {
  const { report } = foresight;
  const { fleet } = report;
  const head = `${report.name}\n${countText(fleet.agents)} agents, ${countText(fleet.svids)} SVIDs, seed ${report.seed}`;
  const verdicts = verdictsOf(foresight).map(({ state, sentence }) => `${SIGNS[state]} ${folded(sentence, 98)}`);
  const capacity = `Reckoned with: ${capacityText(report.servers.capacity, foresight.capacityFrom)}.`;
  const groups = figureGroups(foresight).map(
    ({ title, rows }) => `${title}\n${rows.map(([label, value]) => `  ${label.padEnd(30)}${value}`).join('\n')}`,
  );
  return `${[head, verdicts.join('\n'), capacity, ...groups, curves(foresight)].join('\n\n')}\n`;
}

function curves({ report: { curves, lastedMs } }: Foresight): string {
  const minted = curves.minted.wave.map(
    (wave, i) => wave + (curves.minted.ordinary[i] ?? 0) + (curves.minted.first[i] ?? 0),
  );
  const lines = [
    line('issued per second', minted),
    line('waiting at servers', curves.waiting),
    line(
      'on the old keyset',
      curves.onOld.map((value) => value ?? 0),
    ),
  ];
  return `${'Curves'.padEnd(22)}0 to ${timeText(lastedMs)}\n${lines.join('\n')}`;
}

function line(label: string, values: readonly number[]): string {
  const most = Math.max(...values);
  const columns = Array.from({ length: Math.min(WIDTH, values.length) }, (_, i) => {
    const width = values.length / Math.min(WIDTH, values.length);
    return Math.max(
      ...values.slice(Math.floor(i * width), Math.max(Math.floor(i * width) + 1, Math.floor((i + 1) * width))),
    );
  });
  const bars = columns.map((value) => BARS[most === 0 ? 0 : Math.ceil((value / most) * 8)] ?? ' ').join('');
  return `  ${label.padEnd(20)}${bars.padEnd(WIDTH)}  at most ${shortCount(most)}`;
}

/** Breaks at words; further lines stand under the first. */
function folded(text: string, width: number): string {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines.join('\n  ');
}
