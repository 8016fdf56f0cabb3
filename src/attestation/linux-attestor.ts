import type { Attributes } from '../domain/attributes.js';
import type { PeerProcess } from '../domain/peer-process.js';
import type { WorkloadAttestationSpec } from '../domain/workload-attestation.js';
import type { Logger } from '../runtime/logger.js';
import type { Attestor } from './attestor.js';

/** Names of the node's accounts by id, as of now. An account without a name that can be told is absent. */
export interface AccountNames {
  users(): ReadonlyMap<number, string>;
  groups(): ReadonlyMap<number, string>;
}

/**
 * What the kernel says about the process: `linux.user.{id,name}`, `linux.group.{id,name}`, `linux.supp_group.{id,name}` (one
 * value per group) and, when the section asks for it, `linux.binary.path`. Names are those of the node's account files.
 */
export function createLinuxAttestor(
  section: () => WorkloadAttestationSpec['linux'],
  accounts: AccountNames,
  logger: Logger,
): Attestor {
  return {
    name: 'linux',
    enabled: () => section().enabled,
    attest: (peer) => {
      const [groups, groupNames] = [supplementaryGroups(peer), accounts.groups()];
      const known = (names: readonly (string | undefined)[]): string[] => names.filter((name) => name !== undefined);
      const attributes: Attributes = {
        'linux.user.id': [String(peer.uid)],
        'linux.user.name': known([accounts.users().get(peer.uid)]),
        'linux.group.id': [String(peer.gid)],
        'linux.group.name': known([groupNames.get(peer.gid)]),
        'linux.supp_group.id': groups.map(String),
        'linux.supp_group.name': known(groups.map((gid) => groupNames.get(gid))),
      };
      if (!section().discoverWorkloadPath) return Promise.resolve(attributes);
      return Promise.resolve({ ...attributes, 'linux.binary.path': binaryPath(peer, logger) });
    },
  };
}

/** From the line `Groups:` of /proc/PID/status. */
function supplementaryGroups(peer: PeerProcess): readonly number[] {
  const line = /^Groups:[ \t]*([0-9 ]*)$/m.exec(peer.readFile('status').toString('latin1'));
  if (line === null) throw new Error('/proc status has no Groups line');
  return (line[1] ?? '')
    .split(' ')
    .filter((id) => id !== '')
    .map(Number);
}

/** The path as the process's mount namespace names it; empty when it cannot be told. */
function binaryPath(peer: PeerProcess, logger: Logger): readonly string[] {
  try {
    const path = peer.readLink('exe');
    // The kernel says so when the file was removed or replaced: what lies at that path now is another program.
    return path.startsWith('/') && !path.endsWith(' (deleted)') ? [path] : [];
  } catch (error) {
    logger.warn('Path of the workload is not readable', { pid: peer.pid, error });
    return [];
  }
}
