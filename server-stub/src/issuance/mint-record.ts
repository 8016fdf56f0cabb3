import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { GRPC_STATUS, statusName } from 'spirl-agent/runtime/grpc-status.js';
import type { AgentSession } from '../domain/agent-session.js';
import type { SvidCaller } from '../domain/svid-caller.js';

export type SvidType = 'x509' | 'jwt';

/** Counts each SVID that was asked for, also within a batch. */
export interface MintMetrics {
  /** `code`: Go's name of the gRPC code (`OK`, `PermissionDenied`). `seconds`: from the start of the first step. */
  minted(type: SvidType, code: string, seconds: number): void;
}

/** One attempt to mint, for the audit log. Never holds a key or a token. */
export interface MintEvent {
  readonly type: SvidType;
  readonly session: AgentSession;
  /** Go's name of the gRPC code. */
  readonly code: string;
  /** Absent when the attempt failed before it was known. */
  readonly spiffeId?: string;
  /** Of the certificate, hex, or the token's `jti`; absent after a failure. */
  readonly serial?: string;
  readonly keysetId?: string;
}

export interface MintAudit {
  minted(event: MintEvent): void;
}

/** Where each attempt is told. */
export interface MintRecorder {
  readonly clock: Clock;
  readonly metrics: MintMetrics;
  readonly audit: MintAudit;
}

/** What is known of an attempt by the time it ends, filled in by its steps. */
export interface MintTrace {
  spiffeId?: string;
  serial?: string;
  keysetId?: string;
}

/** Runs one attempt and tells how it ended: one metric and one audit event per SVID, whatever happens. */
export async function recorded<T>(
  recorder: MintRecorder,
  attempt: { readonly type: SvidType; readonly session: AgentSession; readonly caller: SvidCaller },
  mint: (trace: MintTrace) => Promise<T>,
): Promise<T> {
  const { type, session, caller } = attempt;
  const begun = recorder.clock.monotonic();
  const trace: MintTrace = {};
  const end = (code: string): void => {
    recorder.metrics.minted(type, code, (recorder.clock.monotonic() - begun) / 1000);
    recorder.audit.minted({ type, session, code, ...trace });
  };
  try {
    const minted = await mint(trace);
    end('OK');
    return minted;
  } catch (error) {
    end(codeOf(error, caller));
    throw error;
  }
}

/** Go's name of the gRPC code. */
function codeOf(error: unknown, caller: SvidCaller): string {
  if (error instanceof SpirlError) return statusName(GRPC_STATUS[error.code]);
  return caller.isGone ? 'Canceled' : 'Internal';
}
