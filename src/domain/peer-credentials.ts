/** Kernel credentials of the process at the other end of a Unix socket, as of its connect(). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}
