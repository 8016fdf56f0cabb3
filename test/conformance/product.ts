import { manyUsers } from '../scenario/workloads.js';
import { startDev } from '../scenario/start-dev.js';
import type { OptionalInputs } from './clause.js';

/** This project's own agent as subject of the suite, with everything that the suite may want. */
export interface Product {
  readonly uri: string;
  readonly inputs: OptionalInputs;
  readonly stop: () => Promise<void>;
}

/** Starts a trust domain. A caller without identity needs another user, so root. */
export async function startProduct(): Promise<Product> {
  const dev = await startDev();
  const { trustDomain, deployment, clusterId, workloadSocket } = dev.ready;
  const where = ['--trust-domain', trustDomain, '--deployment-name', deployment];
  const spirlctl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await dev.spirlctl(...args);
    if (code !== 0) throw new Error(`spirlctl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  // A user without a name: the path template of `npm start` reads the user's name.
  const stranger = process.getuid?.() === 0 ? await manyUsers(workloadSocket, dev.dir, 1) : undefined;
  const [strangerSocket] = stranger?.sockets ?? [];
  return {
    uri: `unix://${workloadSocket}`,
    inputs: {
      rotate: async () => {
        await spirlctl('trust-domain', 'deployment', 'keyset', 'prepare', ...where);
      },
      bundleDocument: await spirlctl('trust-bundle', 'get', '--cluster-id', clusterId, '--format', 'spiffe'),
      ...(strangerSocket === undefined ? {} : { strangerUri: `unix://${strangerSocket}` }),
    },
    stop: async () => {
      stranger?.stop();
      await dev.stop();
    },
  };
}
