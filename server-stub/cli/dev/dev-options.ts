import { resolve } from 'node:path';
import { TrustDomain } from 'spirl-agent/domain/trust-domain.js';
import { parseDuration } from 'spirl-agent/runtime/duration.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Invocation } from '../cli-command.js';
import { UsageError } from '../failure.js';
import { SOCKET_PATH_MAX } from '../server-address.js';

/** What `dev` was asked for. Ports: 0 takes a free one. */
export interface DevOptions {
  /** Absolute. */
  readonly dir: string;
  /** `undefined`: what the directory holds, else the default. */
  readonly trustDomain: string | undefined;
  readonly deployment: string | undefined;
  readonly agentMetricsPort: number;
  readonly serverMetricsPort: number;
  readonly serverPort: number;
  /** Go duration: upper bound of the random wait before a taint renewal. */
  readonly labTaintDelayMax: string | undefined;
  /** Allow SVIDs that live for seconds. */
  readonly labTtl: boolean;
}

const DEPLOYMENT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** The longest name of a socket in the directory. */
const LONGEST_SOCKET = '/agent.sock';

/** Throws UsageError. */
export function parseDevOptions(invocation: Invocation): DevOptions {
  const { packageRoot } = invocation.terminal;
  return {
    dir: directory(invocation.text('dir') || `${packageRoot}/.spirl`),
    trustDomain: trustDomain(invocation.text('trustDomain')),
    deployment: deployment(invocation.text('deployment')),
    agentMetricsPort: port(invocation, 'agentMetricsPort', '--agent-metrics-port'),
    serverMetricsPort: port(invocation, 'serverMetricsPort', '--server-metrics-port'),
    serverPort: port(invocation, 'serverPort', '--server-port'),
    labTaintDelayMax: labDelay(invocation.text('labTaintDelayMax')),
    labTtl: invocation.flag('labTtl'),
  };
}

function directory(text: string): string {
  const dir = resolve(text);
  const most = SOCKET_PATH_MAX - LONGEST_SOCKET.length;
  const length = Buffer.byteLength(dir);
  if (length <= most) return dir;
  throw new UsageError(
    `--dir: too long for the Unix sockets in it: ${length} bytes, at most ${most} are possible ` +
      `(a socket's path has at most ${SOCKET_PATH_MAX}): ${dir}`,
  );
}

function trustDomain(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    return TrustDomain.parse(text).name;
  } catch (error) {
    throw error instanceof SpirlError ? new UsageError(`--trust-domain: ${error.message}`) : error;
  }
}

function deployment(text: string): string | undefined {
  if (text === '') return undefined;
  if (DEPLOYMENT.test(text)) return text;
  throw new UsageError('--deployment: a name of 1 to 63 letters, digits, dots, dashes and underscores is expected');
}

function port(invocation: Invocation, name: string, flag: string): number {
  const text = invocation.text(name) || '0';
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`${flag}: a port from 0 to 65535 is expected, 0 takes a free one`);
}

function labDelay(text: string): string | undefined {
  if (text === '') return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= 60_000) return text;
  throw new UsageError('--lab-taint-delay-max: a duration from 0s to 60s is expected');
}
