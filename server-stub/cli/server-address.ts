import { join, resolve } from 'node:path';
import { UsageError } from './failure.js';

/** Where the admin socket is, and who said so. */
export interface ServerAddress {
  readonly path: string;
  readonly source: '--server' | 'SPIRL_SERVER' | 'context' | 'default';
}

/** sun_path of Linux holds 108 bytes, the last of which is a zero. */
export const SOCKET_PATH_MAX = 107;

/** The flag, else the variable, else the current context, else the state directory of `npm start`. An empty text is unset. */
export function chooseServer(from: {
  readonly flag: string | undefined;
  readonly variable: string | undefined;
  readonly context: string | undefined;
  readonly packageRoot: string;
}): ServerAddress {
  if (isSet(from.flag)) return { path: socketPath(from.flag, '--server'), source: '--server' };
  if (isSet(from.variable)) return { path: socketPath(from.variable, 'SPIRL_SERVER'), source: 'SPIRL_SERVER' };
  if (isSet(from.context)) return { path: socketPath(from.context, 'the current context'), source: 'context' };
  return { path: join(from.packageRoot, '.spirl/admin.sock'), source: 'default' };
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

/** The path in `unix:///path`, `unix:path` or a plain path. Throws UsageError. */
function socketPath(text: string, source: string): string {
  const [, scheme = '', rest = ''] = /^(?:(unix|[a-z][a-z0-9+.-]*(?=:\/\/)):(?:\/\/(?=\/))?)?(.*)$/s.exec(text) ?? [];
  if (scheme !== '' && scheme !== 'unix') {
    throw new UsageError(`${source}: only the admin socket of a local server is supported: unix:///path/to/admin.sock`);
  }
  const path = resolve(rest);
  if (rest === '' || path === '/' || path.includes('\0'))
    throw new UsageError(`${source}: not a path: ${JSON.stringify(text)}`);
  if (Buffer.byteLength(path) > SOCKET_PATH_MAX) {
    throw new UsageError(
      `${source}: longer than the ${SOCKET_PATH_MAX} bytes that a Unix socket's path may have: ${path}`,
    );
  }
  return path;
}
