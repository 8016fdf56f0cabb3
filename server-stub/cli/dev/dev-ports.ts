import { createServer, type AddressInfo, type Server } from 'node:net';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { DevPorts } from './dev-config.js';
import type { DevOptions } from './dev-options.js';

/** The ports asked for, and free ones for those that were not. Throws INVALID_CONFIG naming the flag of a port in use. */
export async function choosePorts(options: DevOptions): Promise<DevPorts> {
  const held: Server[] = [];
  const take = async (port: number, flag: string): Promise<number> => {
    const server = await listen(port, flag);
    held.push(server);
    return (server.address() as AddressInfo).port;
  };
  try {
    return {
      server: await take(options.serverPort, '--server-port'),
      serverMetrics: await take(options.serverMetricsPort, '--server-metrics-port'),
      agentMetrics: await take(options.agentMetricsPort, '--agent-metrics-port'),
    };
  } finally {
    // Held until all are chosen, so that no two are the same.
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function listen(port: number, flag: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used: ${error.code ?? error.message}`;
      reject(new SpirlError('INVALID_CONFIG', `${flag}: port ${port} ${reason}`, { cause: error }));
    });
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
