import { createRequire } from 'node:module';
import type * as PromClient from 'prom-client';

// The parts of prom-client that are used, one by one: its main module also loads a tracing API and an HTTP client for a push
// gateway, about 30 ms of each start, a tenth of an agent's.

const require = createRequire(import.meta.url);
const part = (name: string): unknown => require(`prom-client/lib/${name}.js`);

export type Registry = PromClient.Registry;
export const Registry = part('registry') as typeof PromClient.Registry;
export type Counter = PromClient.Counter;
export const Counter = part('counter') as typeof PromClient.Counter;
export type Gauge = PromClient.Gauge;
export const Gauge = part('gauge') as typeof PromClient.Gauge;
export type Histogram = PromClient.Histogram;
export const Histogram = part('histogram') as typeof PromClient.Histogram;

/** Adds the process's own metrics to `register`; loads what reads them. */
export function collectDefaultMetrics(register: PromClient.Registry): void {
  const collect = part('defaultMetrics') as typeof PromClient.collectDefaultMetrics;
  collect({ register });
}
