import { closeSync, openSync } from 'node:fs';
import { systemClock } from '../../../src/runtime/clock.js';
import { DeadlineLengths } from '../../../src/runtime/deadline-lengths.js';
import { status } from '../../../src/runtime/grpc-code.js';
import { fileDescriptorDestination } from '../../../src/runtime/log-destination.js';
import type { LogDestination } from '../../../src/runtime/pino-logger.js';
import { Registry } from '../../../src/runtime/prom-client.js';
import { countRpcs, rpcMetricsOf } from '../../../src/runtime/rpc-metrics.js';
import type { RpcLabels, RpcObserver } from '../../../src/runtime/rpc-observer.js';
import { countAtOnce, lineByLine, sleepEach, timerEach } from './plain-serving.js';
import { turn, type Trick } from './trick.js';

/** How long a call may take, milliseconds. */
const LIMIT_MS = 15_000;

/** Against `plain`, which begins a limit of this length and returns how to take it back. */
function oneTimer(against: string, plain: (ms: number, late: () => void) => () => void): Trick {
  return {
    name: `one timer for limits of one length, of ${against}`,
    unit: 'limit, begun and taken back',
    open: () => {
      const lengths = new DeadlineLengths(systemClock);
      const late = (): void => {};
      const together =
        (start: () => () => void) =>
        (times: number): void => {
          const underWay = Array.from({ length: times }, start);
          for (const inTime of underWay) inTime();
        };
      return {
        trick: together(() => lengths.start(LIMIT_MS, late)),
        plain: together(() => plain(LIMIT_MS, late)),
        close: () => lengths.close(),
      };
    },
  };
}

const sleepOfTheClock = oneTimer('a sleep each', (ms, late) => sleepEach(systemClock, ms, late));
const timerOfNode = oneTimer('setTimeout', timerEach);

const LINE = `${JSON.stringify({ level: 'info', ts: 1_700_000_000.123, logger: 'agent.identity', attributes: Array(5).fill('linux:linux.user.name="checkout"'), msg: 'Attestation finished' })}\n`;

const linesTogether: Trick = {
  name: 'log lines of a turn in one write, of a write per line',
  unit: 'line, 32 per turn, to /dev/null',
  open: () => {
    const fd = openSync('/dev/null', 'w');
    const logged =
      (to: LogDestination) =>
      async (times: number): Promise<void> => {
        for (let i = 0; i < times; i++) to.write(LINE);
        await turn();
      };
    return { trick: logged(fileDescriptorDestination(fd)), plain: logged(lineByLine(fd)), close: () => closeSync(fd) };
  },
};

const METHODS: readonly RpcLabels[] = [
  { service: 'SpiffeWorkloadAPI', method: 'FetchX509SVID', type: 'server_stream' },
  { service: 'SpiffeWorkloadAPI', method: 'FetchJWTSVID', type: 'unary' },
];

const plainNumbers: Trick = {
  name: 'calls counted in plain numbers, of in prom-client',
  unit: 'call, four counts',
  open: () => {
    const counted =
      (observer: RpcObserver) =>
      (times: number): void => {
        for (let i = 0; i < times; i++) {
          const rpc = METHODS[i % 2] as RpcLabels;
          observer.started(rpc);
          observer.received(rpc);
          observer.sent(rpc);
          observer.handled(rpc, status.OK, 0.001);
        }
      };
    return {
      trick: counted(countRpcs(rpcMetricsOf(new Registry(), { seconds: false }))),
      plain: counted(countAtOnce(rpcMetricsOf(new Registry(), { seconds: false }))),
    };
  },
};

export const bookkeepingTricks: readonly Trick[] = [sleepOfTheClock, timerOfNode, linesTogether, plainNumbers];
