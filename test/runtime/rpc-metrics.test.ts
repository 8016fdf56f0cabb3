import test from 'ava';
import fc from 'fast-check';
import { countAtOnce } from '../../bench/micro/tricks/plain-serving.js';
import { status } from '../../src/runtime/grpc-code.js';
import { Registry } from '../../src/runtime/prom-client.js';
import { countRpcs, rpcMetricsOf } from '../../src/runtime/rpc-metrics.js';
import type { RpcLabels, RpcObserver } from '../../src/runtime/rpc-observer.js';

const METHODS: readonly RpcLabels[] = [
  { service: 'S', method: 'Watch', type: 'server_stream' },
  { service: 'S', method: 'Ask', type: 'unary' },
  { service: 'T', method: 'Ask', type: 'unary' },
];

interface Event {
  readonly what: keyof RpcObserver | 'scrape';
  readonly rpc: RpcLabels;
  readonly code: status;
  readonly seconds: number;
}

const events: fc.Arbitrary<Event[]> = fc.array(
  fc.record({
    what: fc.constantFrom<Event['what']>('started', 'received', 'sent', 'handled', 'scrape'),
    rpc: fc.constantFrom(...METHODS),
    code: fc.constantFrom(status.OK, status.CANCELLED, status.UNAVAILABLE),
    // Sums of halves are the same in any order.
    seconds: fc.integer({ min: 0, max: 40 }).map((halves) => halves / 2),
  }),
  { maxLength: 60 },
);

/** The page without the order of its series, which is that of their first event. */
async function seriesOf(registry: Registry): Promise<readonly string[]> {
  return (await registry.metrics()).split('\n').sort();
}

test('calls counted in plain numbers read at each scrape as calls counted at once', async (t) => {
  await fc.assert(
    fc.asyncProperty(events, async (happened) => {
      const [registry, plainRegistry] = [new Registry(), new Registry()];
      const counts = countRpcs(rpcMetricsOf(registry, { seconds: true }));
      const both: readonly RpcObserver[] = [counts, countAtOnce(rpcMetricsOf(plainRegistry, { seconds: true }))];
      const scrape = async (): Promise<void> => {
        counts.flush();
        t.deepEqual(await seriesOf(registry), await seriesOf(plainRegistry));
      };
      for (const { what, rpc, code, seconds } of happened) {
        if (what === 'scrape') await scrape();
        else if (what === 'handled') for (const observer of both) observer.handled(rpc, code, seconds);
        else for (const observer of both) observer[what](rpc);
      }
      await scrape();
    }),
    { numRuns: 60 },
  );
});
