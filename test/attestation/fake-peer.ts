import type { PeerProcess } from '../../src/domain/peer-process.js';

/** A process of root with groups 4 and 27. */
export function fakePeer(parts: Partial<PeerProcess> = {}): PeerProcess {
  return {
    pid: 42,
    uid: 0,
    gid: 0,
    verify: () => {},
    readFile: () => Buffer.from('Name:\tsh\nGroups:\t4 27 \nNStgid:\t42\n'),
    readLink: () => '/usr/bin/sh',
    ...parts,
  };
}
