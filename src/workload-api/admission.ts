import { ServerInterceptingCall, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import type { Clock } from '../runtime/clock.js';
import { SpirlError } from '../runtime/errors.js';
import { GRPC_STATUS } from '../runtime/grpc-status.js';
import { timeLimit } from '../runtime/time-limit.js';
import type { Caller } from './peer-registry.js';
import type { UidQuota } from './uid-quota.js';

const SECURITY_HEADER = 'workload.spiffe.io';

export interface AdmissionOptions {
  /** Counts the open calls of each uid. */
  readonly streams: UidQuota;
  /** How long a call may take to send its request. */
  readonly requestMs: number;
  readonly clock: Clock;
  /** Whether calls of this method need the header `workload.spiffe.io: true`. */
  needsHeader(path: string): boolean;
}

/**
 * The first steps of every call, taken before a byte of its request is read: its connection is within the limit, its uid has
 * room for one more call, the security header is there, and the request comes in time.
 */
export function admission(options: AdmissionOptions): ServerInterceptor {
  const { requestMs, clock } = options;
  const late = new SpirlError('DEADLINE_EXCEEDED', `no complete request within ${requestMs / 1000} s`);
  return (method, call) => {
    let inTime = (): void => {};
    let giveBack = (): void => {};
    const refuse = ({ code, message }: SpirlError): void => {
      call.sendStatus({ code: GRPC_STATUS[code], details: message });
    };
    const onReceiveMetadata = (metadata: Metadata, next: (metadata: Metadata) => void): void => {
      try {
        const { uid } = admitted((call.getAuthContext() as { peer?: Caller }).peer);
        giveBack = options.streams.take(uid);
        if (options.needsHeader(method.path)) requireSecurityHeader(metadata);
      } catch (error) {
        if (!(error instanceof SpirlError)) throw error;
        refuse(error);
        return;
      }
      if (!method.requestStream) inTime = timeLimit(requestMs, clock, () => refuse(late));
      next(metadata);
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata,
          onReceiveHalfClose: (forward) => {
            inTime();
            forward();
          },
          // Comes at the end of every call, however it ended.
          onCancel: () => {
            inTime();
            giveBack();
          },
        }),
    });
  };
}

/** WE 6: exactly one value, compared to the letter. */
export function requireSecurityHeader(metadata: Metadata): void {
  const values = metadata.get(SECURITY_HEADER);
  if (values.length === 1 && values[0] === 'true') return;
  throw new SpirlError(
    'INVALID_REQUEST',
    `security header missing from request: metadata ${SECURITY_HEADER} must be given once, as "true"`,
  );
}

function admitted(caller: Caller | undefined): { uid: number } {
  if (caller === undefined) throw new SpirlError('NOT_AUTHORIZED', 'caller cannot be identified');
  if ('refusal' in caller) throw caller.refusal;
  return caller.process;
}
