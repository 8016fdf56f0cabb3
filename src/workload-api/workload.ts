import type { Attributes } from '../domain/attributes.js';
import type { PeerProcess } from '../domain/peer-process.js';

/** An attested caller, as the RPCs see it. */
export interface Workload {
  readonly process: PeerProcess;
  /** Attested and redacted. */
  readonly attributes: Attributes;
}

/** Serves a stream: pushes encoded responses until `signal` aborts; returning or throwing ends the stream. */
export type StreamServe = (workload: Workload, signal: AbortSignal, push: (response: Buffer) => void) => Promise<void>;

/** Answers a parsed request with an encoded response. */
export type UnaryServe<Request> = (workload: Workload, signal: AbortSignal, request: Request) => Promise<Buffer>;
