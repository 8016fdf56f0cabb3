import { credentials, type Client } from '@grpc/grpc-js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { loadService } from 'spirl-agent/runtime/load-proto.js';
import type { AdminMethods, AdminService } from './admin-messages.js';
import { probeSocket } from './probe-socket.js';
import type { ServerAddress } from './server-address.js';

const SERVICES: Readonly<Record<AdminService, { file: string; name: string }>> = {
  trustdomain: { file: 'spirl/admin/v1/keyset.proto', name: 'com.spirl.api.v1.trustdomain.API' },
  cluster: { file: 'spirl/admin/v1/cluster.proto', name: 'com.spirl.api.v1.cluster.API' },
  config: { file: 'spirl/admin/v1/config.proto', name: 'com.spirl.api.v1.config.API' },
  bundle: { file: 'spirl/admin/v1/bundle.proto', name: 'com.spirl.api.v1.bundle.API' },
};

/** Reading, and writing that waits for nothing but the store. */
const QUICK_MS = 30_000;
/** A keyset mutation is bounded by the server to 120 s; the margin is for its answer. */
export const MUTATION_MS = 130_000;

type UnaryMethod = (
  request: object,
  options: { deadline: number },
  done: (error: Error | null, answer: unknown) => void,
) => { cancel(): void };

/** The admin API of one server. Failures are what grpc-js makes of them; see `failure.ts`. */
export class AdminClient {
  readonly address: ServerAddress;
  readonly #now: () => number;
  readonly #signal: AbortSignal;
  readonly #clients = new Map<AdminService, Client>();

  private constructor(address: ServerAddress, now: () => number, signal: AbortSignal) {
    this.address = address;
    this.#now = now;
    this.#signal = signal;
  }

  /** Throws UNAVAILABLE, saying why and what to do, when nobody answers at the socket. */
  static async connect(address: ServerAddress, now: () => number, signal: AbortSignal): Promise<AdminClient> {
    // Its error says more than what gRPC makes of it.
    const error = await probeSocket(address.path);
    if (error !== undefined) {
      throw new SpirlError('UNAVAILABLE', whyNoServer(address, error.code ?? ''), { cause: error });
    }
    return new AdminClient(address, now, signal);
  }

  call<M extends keyof AdminMethods>(
    method: M,
    request: AdminMethods[M]['request'],
    timeoutMs = QUICK_MS,
  ): Promise<AdminMethods[M]['response']> {
    const [service, name] = method.split('.') as [AdminService, string];
    const client = this.#client(service);
    const rpc = (client as unknown as Record<string, UnaryMethod>)[name];
    if (rpc === undefined) throw new Error(`no method ${method}`);
    this.#signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const call = rpc.call(client, request, { deadline: this.#now() + timeoutMs }, (error, answer) => {
        this.#signal.removeEventListener('abort', cancel);
        if (error === null) resolve(answer as AdminMethods[M]['response']);
        else reject(this.#signal.aborted ? (this.#signal.reason as Error) : error);
      });
      const cancel = (): void => call.cancel();
      this.#signal.addEventListener('abort', cancel, { once: true });
    });
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(service: AdminService): Client {
    let client = this.#clients.get(service);
    if (client === undefined) {
      const { file, name } = SERVICES[service];
      client = new (loadService(file, name).client)(`unix:${this.address.path}`, credentials.createInsecure(), {
        'grpc.enable_http_proxy': 0,
        'grpc.use_local_subchannel_pool': 1,
      });
      this.#clients.set(service, client);
    }
    return client;
  }
}

/** `code`: the system error of connecting. */
function whyNoServer({ path, source }: ServerAddress, code: string): string {
  if (code === 'EACCES' || code === 'EPERM') {
    return `this user may not open ${path}: the admin socket is for root and the server's own user.`;
  }
  const state = code === 'ENOENT' ? 'there is no socket' : `the socket is dead (${code})`;
  const origin = source === 'default' ? 'the default of npm start' : `from ${source}`;
  return (
    `no server answers at ${path} (${origin}): ${state}.\n` +
    'Start one with "npm start", or "spirl-server run --config FILE"; name another with --server or SPIRL_SERVER.'
  );
}
