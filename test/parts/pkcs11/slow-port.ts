import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A port of loopback that passes everything on to another, answers as late as it is told. */
export class SlowPort {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Milliseconds before each answer. */
  answerDelayMs = 0;
  /** Answers so far. */
  answers = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(port: number, behind: number): Promise<SlowPort> {
    const server = createServer();
    const slow = new SlowPort(server);
    server.on('connection', (socket) => slow.#join(socket, connect(behind, '127.0.0.1')));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return slow;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(asking: Socket, answering: Socket): void {
    for (const [one, other] of [
      [asking, answering],
      [answering, asking],
    ] as const) {
      this.#sockets.add(one);
      one.on('close', () => (this.#sockets.delete(one), other.destroy()));
      one.on('error', () => one.destroy());
    }
    asking.pipe(answering);
    void this.#answer(answering, asking);
  }

  async #answer(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const part of from as AsyncIterable<Buffer>) {
        this.answers++;
        if (this.answerDelayMs > 0) await delay(this.answerDelayMs);
        to.write(part);
      }
    } catch {
      // The other end went away, and takes this one along.
    }
  }
}
