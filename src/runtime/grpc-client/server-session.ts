import { connect, type ClientHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.js';
import { ENDED } from '../ended.js';
import { timeLimit } from '../time-limit.js';
import { unavailable } from './rpc-failure.js';
import { secured, type SecuredOptions } from './secured.js';

/** Times in milliseconds. */
export interface ServerSessionOptions {
  /** `host:port` */
  readonly authority: string;
  readonly clock: Clock;
  /** How long it may take until calls can be made. */
  readonly connectMs: number;
  /** The server is pinged that often, and gone when it does not answer within `keepaliveTimeoutMs`. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** Ends it, with all its calls. */
  readonly closed: AbortSignal;
}

/** Bytes that the server may send on a stream before they are read: a message of a hundred SVIDs at once. */
const WINDOW_BYTES = 1024 * 1024;
/** Above what one message may have. */
const SESSION_MEMORY_MB = 64;
/** How long what was written last may take to reach a server that is no longer needed. */
const LINGER_MS = 1_000;

/**
 * HTTP/2 on `socket`, once TLS is done and the server has said its settings: a server of TLS 1.3 judges the client's certificate after
 * the client's handshake, so only then it is known that there is somebody to call. Rejects with RpcFailure, and the socket is gone then.
 */
export async function serverSession(socket: TLSSocket, options: ServerSessionOptions): Promise<ClientHttp2Session> {
  const { authority, clock, connectMs, closed } = options;
  const until = clock.monotonic() + connectMs;
  await secured(socket, { clock, connectMs, closed });
  let session: ClientHttp2Session;
  try {
    closed.throwIfAborted();
    session = connect(`https://${authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
      maxSessionMemory: SESSION_MEMORY_MB,
    });
    session.setLocalWindowSize(WINDOW_BYTES);
  } catch (error) {
    socket.destroy();
    throw unavailable(error);
  }
  endsWith(session, socket, options);
  await greeted(session, socket, { clock, connectMs: Math.max(0, until - clock.monotonic()), closed });
  return session;
}

/** Resolves when the server's settings are there. Rejects with RpcFailure, and the session is gone then. */
function greeted(
  session: ClientHttp2Session,
  socket: TLSSocket,
  { clock, connectMs, closed }: SecuredOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      inTime();
      closed.removeEventListener('abort', stop);
      socket.off('close', lost);
      socket.off('error', breaks);
    };
    const fail = (error: unknown): void => {
      over();
      session.destroy();
      socket.destroy();
      reject(unavailable(error));
    };
    let broken: unknown = new Error('the connection was closed before it was ready');
    const breaks = (error: unknown): void => {
      broken = error;
    };
    const lost = (): void => fail(broken);
    const stop = (): void => fail(closed.reason);
    const inTime = timeLimit(connectMs, clock, () => fail(new Error('no connection in time')));
    closed.addEventListener('abort', stop, { once: true });
    // Stays, for the errors of later: the calls tell of these.
    session.on('error', breaks);
    // The session's own end is not always told: not when the socket breaks while something is being written.
    socket.on('error', breaks);
    socket.once('close', lost);
    session.once('remoteSettings', () => {
      over();
      resolve();
    });
  });
}

/** Pings, and sees to it that the socket ends with the session: by itself that waits for the peer, and for what is still to be sent. */
function endsWith(session: ClientHttp2Session, socket: TLSSocket, options: ServerSessionOptions): void {
  const { clock, closed, keepaliveMs, keepaliveTimeoutMs } = options;
  const ended = new AbortController();
  const close = (): void => {
    session.destroy();
    clock.sleep(LINGER_MS, ended.signal).then(destroy, () => {});
  };
  const destroy = (): void => void socket.destroy();
  const next = (): void => {
    clock.sleep(keepaliveMs, ended.signal).then(ping, () => {});
  };
  const ping = (): void => {
    // Its last call has ended, or it was broken off; the peer has had time to close.
    if (session.destroyed) {
      destroy();
      return;
    }
    const gone = (): void => {
      session.destroy(new Error('the server does not answer'));
      destroy();
    };
    const answered = timeLimit(keepaliveTimeoutMs, clock, gone);
    session.ping(() => {
      answered();
      next();
    });
  };
  // An alert of TLS leaves the socket open, and the session waiting for it.
  socket.on('error', destroy);
  closed.addEventListener('abort', close, { once: true });
  if (closed.aborted) close();
  socket.once('close', () => {
    closed.removeEventListener('abort', close);
    ended.abort(ENDED);
  });
  next();
}
