import type { Foresight } from '../fleet/foresee.js';
import { chartSvg, escaped, type Chart, type Mark } from './fleet-chart.js';
import { figureGroups } from './fleet-figures.js';
import type { FleetReport } from './fleet-report.js';
import { FLEET_STYLE } from './fleet-style.js';
import { verdictsOf } from './fleet-verdict.js';
import { capacityText, countText, shortCount, timeText } from './fleet-words.js';

const SIGNS = { good: '✓', bad: '✗', warning: '!', unknown: '?' } as const;

/** The report as a page of its own: one file, nothing is loaded. */
export function fleetHtml(foresight: Foresight): string {
  const { report } = foresight;
  const marks = marksOf(report);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(report.name)}</title><style>${FLEET_STYLE}</style></head><body><main>
<h1>${escaped(report.name)}</h1>
<p class="lead">${escaped(report.description)} ${leadOf(foresight)}</p>
<ul class="verdicts">${verdictsOf(foresight)
    .map(({ state, sentence }) => `<li class="${state}"><b>${SIGNS[state]}</b>${escaped(sentence)}</li>`)
    .join('')}</ul>
<ul class="marks">${marks.map(({ text, kind }, i) => `<li class="${kind}"><i>${i + 1}</i>${escaped(text)}</li>`).join('')}
<li>Time in the charts: from the start of the scenario, min:s</li></ul>
<section class="charts">${chartsOf(report)
    .map((chart) => figure(chart, marks, report))
    .join('')}</section>
<section class="groups">${groups(foresight)}</section>
<footer>${report.source === 'simulated' ? `Simulated, seed ${report.seed}: the same scenario and seed give the same page.` : `Measured, seed ${report.seed}.`}
Renewal schedule, taint delay, rate gate and backoff are the code that agents run.</footer>
</main></body></html>
`;
}

function leadOf({ report: { fleet, servers, ttl }, capacityFrom }: Foresight): string {
  const keys = servers.keyManager === 'remote' ? 'every signature made by a key manager' : 'keys in memory';
  return `${countText(fleet.agents)} agents hold ${countText(fleet.svids)} X.509-SVIDs of ${timeText(ttl.x509Ms)}; ${servers.replicas} server replica${servers.replicas === 1 ? '' : 's'}, ${keys}; ${capacityText(servers.capacity, capacityFrom)}.`;
}

function marksOf(report: FleetReport): Mark[] {
  const steps = report.steps.map(({ step, committedAt }) => ({
    atMs: committedAt,
    text: `${step} at ${timeText(committedAt)}`,
    kind: 'step' as const,
  }));
  const failures = report.failures.map(({ atMs, text }) => ({
    atMs,
    text: `${text}, at ${timeText(atMs)}`,
    kind: 'failure' as const,
  }));
  return [...steps, ...failures].sort((a, b) => a.atMs - b.atMs);
}

function chartsOf({ curves, servers, keyManager, wave }: FleetReport): Chart[] {
  const capacity = servers.replicas * servers.capacity;
  const quota = keyManager?.quota;
  const issuing =
    quota !== undefined && quota < capacity
      ? { value: quota, label: `quota ${shortCount(quota)}/s` }
      : { value: capacity, label: `capacity ${shortCount(capacity)}/s` };
  const charts: Chart[] = [
    {
      title: 'SVIDs issued',
      unit: 'per second',
      stacked: true,
      limit: issuing,
      series: [
        { label: 'ordinary', look: 'ordinary', form: 'area', values: curves.minted.ordinary },
        { label: 'first', look: 'first', form: 'area', values: curves.minted.first },
        { label: 'because of the taint', look: 'wave', form: 'area', values: curves.minted.wave },
      ],
    },
    {
      title: 'Asked for, and not answered',
      unit: 'SVIDs per second',
      limit: issuing,
      series: [
        { label: 'asked for', look: 'wave', form: 'line', values: curves.askedPerSecond },
        { label: 'refused or too late', look: 'bad', form: 'line', values: curves.failedPerSecond },
      ],
    },
    {
      title: 'Waiting at the servers',
      unit: 'SVIDs',
      series: [{ label: 'waiting or being issued', look: 'second', form: 'area', values: curves.waiting }],
    },
    {
      title: 'From asking to the answer',
      unit: 'renewals',
      times: true,
      series: [
        { label: 'p99', look: 'first', form: 'line', values: curves.renewalP99Ms },
        { label: 'p50', look: 'wave', form: 'line', values: curves.renewalP50Ms },
      ],
    },
  ];
  if (wave !== undefined) {
    const onOld = { label: 'on the old keyset', look: 'wave', form: 'area' as const, values: curves.onOld };
    charts.unshift({ title: 'Still signed by the old keyset', unit: 'SVIDs', series: [onOld] });
  }
  if (keyManager !== undefined) {
    charts.push({
      title: 'Key manager',
      unit: 'calls per second',
      ...(quota !== undefined && { limit: { value: quota, label: `quota ${shortCount(quota)}/s` } }),
      series: [
        { label: 'signatures', look: 'wave', form: 'line', values: curves.signaturesPerSecond },
        { label: 'throttled', look: 'bad', form: 'line', values: curves.throttledPerSecond },
      ],
    });
  }
  return charts;
}

function figure(chart: Chart, marks: readonly Mark[], report: FleetReport): string {
  const legend = chart.series.map(({ label, look }) => `<span><i class="${look}"></i>${label}</span>`).join('');
  const svg = chartSvg(chart, marks, report.curves.stepMs, report.lastedMs);
  return `<figure><figcaption><b>${chart.title}</b><span class="legend">${chart.unit}${legend}</span></figcaption>${svg}</figure>`;
}

function groups(foresight: Foresight): string {
  return figureGroups(foresight)
    .map(({ title, rows }) => {
      const body = rows
        .map(([label, value]) => `<tr><td>${escaped(label)}</td><td>${escaped(value)}</td></tr>`)
        .join('');
      return `<div><h2>${escaped(title)}</h2><table>${body}</table></div>`;
    })
    .join('');
}
