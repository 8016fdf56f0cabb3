import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from './prom-client.js';

/** A metric as the reference and the registry know it. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Registered only when the configuration asks for latency metrics. */
  readonly onlyWithLatency?: true;
}

/** Upper bounds in seconds, as Go's Prometheus library has them. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

function optionsOf({ name, help, labels }: MetricDefinition, registry: Registry) {
  return { name, help, labelNames: [...labels], registers: [registry] };
}

export function counterOf(definition: MetricDefinition, registry: Registry): Counter {
  return new Counter(optionsOf(definition, registry));
}

export function gaugeOf(definition: MetricDefinition, registry: Registry): Gauge {
  return new Gauge(optionsOf(definition, registry));
}

export function histogramOf(definition: MetricDefinition, registry: Registry): Histogram {
  return new Histogram({ ...optionsOf(definition, registry), buckets: BUCKETS });
}

/** A Markdown table of metrics, one row each, in the order of the declaration. */
export function metricsTable(definitions: readonly MetricDefinition[]): string {
  const rows = definitions.map(({ type, name, help, labels, onlyWithLatency }) => {
    const named = labels.map((label) => `\`${label}\``).join(', ');
    const when = onlyWithLatency ? ' Only with `telemetry.collectors.grpc.emmitLatencyMetrics`.' : '';
    return `| \`${name}\` | ${type} | ${named} | ${help.replaceAll('|', '\\|')}${when} |`;
  });
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n');
}
