import type { PeerCredentials } from './peer-credentials.js';

/** The process that connected: its kernel credentials, and its /proc directory held open so that a reused PID is not it. */
export interface PeerProcess extends PeerCredentials {
  /** Supplementary groups, as of its connect(). */
  readonly groups: readonly number[];
  /** Reads `/proc/<this process>/<name>`. Throws NOT_AUTHORIZED once the process has gone or is a zombie. */
  readFile(name: string): Buffer;
  /** Target of the link `/proc/<this process>/<name>`, for example `exe`. Throws like `readFile`. */
  readLink(name: string): string;
  /** Throws NOT_AUTHORIZED unless the process still lives and still has the credentials of its connect(). */
  verify(): void;
}
