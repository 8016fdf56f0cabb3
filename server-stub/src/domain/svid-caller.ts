/** Whom an SVID is for, while it waits and is made. */
export interface SvidCaller {
  /** Looking here costs nothing; asking for `signal` makes one. */
  readonly isGone: boolean;
  /** Aborts when it has gone. */
  readonly signal: AbortSignal;
}
