import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { Logger } from 'spirl-agent/runtime/logger.js';
import type { FileSystem } from './store/file/file-system.js';

/** What the server has of the process it runs in. */
export interface ServerParts {
  readonly clock: Clock;
  /** Called `server`. */
  readonly logger: Logger;
  readonly version: string;
  /** User id of this process. */
  readonly ownUid: number;
  /** Writes one audit line, newline included. */
  readonly writeAudit: (line: string) => void;
  /** A variable of the process's environment; none when absent. */
  readonly environment?: (name: string) => string | undefined;
  /** How the store reaches its files; the file system unless a test says otherwise. */
  readonly files?: FileSystem;
}
