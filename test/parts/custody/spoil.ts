import { FaultProxy, type Fault } from './fault-proxy.js';
import type { FaultName } from './fault-table.js';
import type { Cleanup, Provided } from './lab.js';

/** Everything but that it is away altogether. */
export type Spoiling = Exclude<FaultName, 'away'>;

/** A provider with its faults. */
export interface Spoilable extends Provided {
  /** What stands between it and the server, where something does; counts calls. */
  readonly proxy?: FaultProxy;
  /** Makes the service fail so; undefined: it is well. Absent: it only comes and goes. */
  spoil?(fault: Spoiling | undefined): Promise<void>;
}

/** How a service says that it is too much. */
interface Throttles {
  readonly status: number;
  readonly body: string;
}

export const AWS_THROTTLES: Throttles = {
  status: 400,
  body: JSON.stringify({ __type: 'ThrottlingException', message: 'Rate exceeded' }),
};
export const WEB_THROTTLES: Throttles = { status: 429, body: '{"error":"too many"}' };

export async function proxyBefore(
  url: string,
  cleanup: Cleanup,
  tls?: { readonly cert: string; readonly key: string },
): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(url, tls);
  cleanup.later(() => proxy.down());
  return proxy;
}

/** The faults of the table as a proxy makes them. */
export function spoiling(proxy: FaultProxy, throttles: Throttles) {
  const faults: Readonly<Partial<Record<Spoiling, Fault>>> = {
    slow: { kind: 'latency', ms: 300 },
    reset: { kind: 'reset' },
    throttled: { kind: 'answer', ...throttles, times: 2 },
    failing: { kind: 'answer', status: 500, body: '{"error":"internal"}' },
    truncated: { kind: 'truncated' },
    garbage: { kind: 'garbage' },
  };
  const spoil = (fault: Spoiling | undefined): Promise<void> => {
    proxy.spoil(fault && faults[fault]);
    return Promise.resolve();
  };
  return { proxy, spoil };
}

/** The same for a service that can be reached through the proxy only. */
export const throughProxy = (proxy: FaultProxy, throttles: Throttles) => ({
  ...spoiling(proxy, throttles),
  down: () => proxy.down(),
  up: () => proxy.up(),
});
