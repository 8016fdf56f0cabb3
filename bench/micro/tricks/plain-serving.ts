import { readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { destination } from 'pino';
import type { Clock } from '../../../src/runtime/clock.js';
import { ENDED } from '../../../src/runtime/ended.js';
import { statusName } from '../../../src/runtime/grpc-status.js';
import type { LogDestination } from '../../../src/runtime/pino-logger.js';
import type { RpcMetrics } from '../../../src/runtime/rpc-metrics.js';
import type { RpcLabels, RpcObserver } from '../../../src/runtime/rpc-observer.js';
import { supplementaryGroups } from '../../../src/workload-api/peer-process.js';

// The plain ways to what the tricks of serving do: T1 measures the tricks against them, and the tests compare their results.

/** A write for each frame. */
export function writeEach(socket: Pick<Socket, 'write'>, frames: readonly Buffer[]): void {
  for (const frame of frames) socket.write(frame);
}

/** Supplementary groups of a process from its status. */
export function groupsByStatus(pid: number): readonly number[] {
  return supplementaryGroups(readFileSync(`/proc/${pid}/status`, 'latin1'));
}

/** A text that changes when the file does. */
export function stampByStat(path: string): string {
  const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true });
  return `${mtimeNs}:${ctimeNs}:${size}:${ino}`;
}

/** A sleep of the clock for each limit; returns how to take it back. */
export function sleepEach(clock: Clock, ms: number, late: () => void): () => void {
  const inTime = new AbortController();
  clock.sleep(ms, inTime.signal).then(late, () => {});
  return () => inTime.abort(ENDED);
}

/** A timer of Node for each limit, which no clock of a test can move. */
export function timerEach(ms: number, late: () => void): () => void {
  const timer = setTimeout(late, ms);
  return () => clearTimeout(timer);
}

/** A write for each line. */
export function lineByLine(fd: number): LogDestination {
  const out = destination({ fd, sync: true });
  return { write: (line) => void out.write(line) };
}

/** Each event into its metric at once. */
export function countAtOnce(metrics: RpcMetrics): RpcObserver {
  const labels = ({ service, method, type }: RpcLabels) => {
    return { grpc_service: service, grpc_method: method, grpc_type: type };
  };
  return {
    started: (rpc) => metrics.started.inc(labels(rpc)),
    received: (rpc) => metrics.received.inc(labels(rpc)),
    sent: (rpc) => metrics.sent.inc(labels(rpc)),
    handled: (rpc, code, seconds) => {
      metrics.handled.inc({ ...labels(rpc), grpc_code: statusName(code) });
      metrics.seconds?.observe(labels(rpc), seconds);
    },
  };
}
