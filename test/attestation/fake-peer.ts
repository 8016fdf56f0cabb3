import type { PeerProcess } from '../../src/domain/peer-process.js';

/** A process of root with groups 4 and 27. */
export function fakePeer(parts: Partial<PeerProcess> = {}): PeerProcess {
  return {
    pid: 42,
    uid: 0,
    gid: 0,
    groups: [4, 27],
    verify: () => {},
    readFile: () => Buffer.from('Name:\tsh\n'),
    readLink: () => '/usr/bin/sh',
    ...parts,
  };
}
