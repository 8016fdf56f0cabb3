import { createMint, createSigner, keyInMemory, mintOnOneCore } from '../micro/mint.js';
import { serveCommands } from '../rig/commands.js';

// B1's loop in a process of its own: what a second core gives when nothing is shared with the first.

const mint = createMint(await createSigner(keyInMemory().key));

const commands = {
  /** Returns how many were minted, and the CPU seconds that it took. */
  mint: async (ms: number): Promise<{ svids: number; cpuSeconds: number }> => {
    const before = process.cpuUsage();
    const svids = await mintOnOneCore(mint, ms);
    const { user, system } = process.cpuUsage(before);
    return { svids, cpuSeconds: (user + system) / 1e6 };
  },
};

export type BareMinter = typeof commands;

serveCommands(commands);
