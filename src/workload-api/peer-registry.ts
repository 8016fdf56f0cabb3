import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { PeerProcess } from '../domain/peer-process.js';
import type { Clock } from '../runtime/clock.js';
import { SpirlError } from '../runtime/errors.js';
import { peerCredentials } from '../runtime/peer-credentials.js';
import { openPeerProcess } from './peer-process.js';
import { UidQuota } from './uid-quota.js';

/** Who is at the other end of a connection: a proven process, or why each of its calls is refused. */
export type Caller = { readonly process: PeerProcess } | { readonly refusal: SpirlError };

/** Connections above a uid's limit that are kept for a moment, so that their calls learn the reason. */
const REFUSED_PER_UID = 64;
/** How long such a connection is kept; a client that connects again may then find room. */
const REFUSED_MS = 5_000;

/** All open connections, each bound to the process that made it. */
export class PeerRegistry {
  readonly #sockets = new Set<Socket>();
  readonly #allowed: UidQuota;
  readonly #refused: UidQuota;
  readonly #clock: Clock;

  /** `refused` is told of each connection over its uid's limit. */
  constructor(connectionsPerUid: number, clock: Clock, refused: () => void = () => {}) {
    this.#allowed = new UidQuota('connections', connectionsPerUid, refused);
    this.#refused = new UidQuota('connections', REFUSED_PER_UID);
    this.#clock = clock;
  }

  /**
   * Proves the caller of a just accepted connection. Throws, with the socket left to the caller, NOT_AUTHORIZED when it cannot
   * be proved and LIMIT_REACHED when its uid has too many connections even for being told so.
   */
  admit(socket: Socket): Caller {
    const peer = peerCredentials(socket);
    const { uid } = peer;
    let giveBack: () => void;
    try {
      giveBack = this.#allowed.take(uid);
    } catch (error) {
      if (!(error instanceof SpirlError)) throw error;
      this.#hold(socket, this.#refused.take(uid));
      this.#closeLater(socket);
      return { refusal: error };
    }
    try {
      const process = openPeerProcess(socket, peer);
      this.#hold(socket, () => {
        process.release();
        giveBack();
      });
      return { process };
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  /** Open connections. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Closes every connection; resolves when each has given back what it held. */
  async closeAll(): Promise<void> {
    const closed = [...this.#sockets].map((socket) => once(socket, 'close'));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #hold(socket: Socket, release: () => void): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      release();
    });
  }

  #closeLater(socket: Socket): void {
    const closed = new AbortController();
    socket.once('close', () => closed.abort());
    this.#clock.sleep(REFUSED_MS, closed.signal).then(
      () => socket.destroy(),
      () => {},
    );
  }
}
