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

/** Kinds of callers that are remembered; a node has few. */
const MAX_KINDS = 4_096;

/**
 * What the kernel says about the process: `linux.user.{id,name}`, `linux.group.{id,name}`, `linux.supp_group.{id,name}` (one
 * value per group) and, when the section asks for it, `linux.binary.path`. Names are those of the node's account files. Callers
 * of the same kind get the same object.
 */
export function createLinuxAttestor(
  section: () => WorkloadAttestationSpec['linux'],
  accounts: AccountNames,
  logger: Logger,
): Attestor {
  const kinds = new Kinds();
  return {
    name: 'linux',
    enabled: () => section().enabled,
    attest: (peer) => {
      const path = section().discoverWorkloadPath ? binaryPath(peer, logger) : undefined;
      return kinds.attributes(peer, path, accounts.users(), accounts.groups());
    },
  };
}

class Kinds {
  readonly #known = new Map<string, Attributes>();
  #users: ReadonlyMap<number, string> | undefined;
  #groups: ReadonlyMap<number, string> | undefined;

  attributes(
    peer: PeerProcess,
    path: readonly string[] | undefined,
    users: ReadonlyMap<number, string>,
    groups: ReadonlyMap<number, string>,
  ): Attributes {
    if (users !== this.#users || groups !== this.#groups || this.#known.size >= MAX_KINDS) this.#known.clear();
    [this.#users, this.#groups] = [users, groups];
    const kind = `${peer.uid}:${peer.gid}:${peer.groups.join()}:${path?.join() ?? ''}`;
    let found = this.#known.get(kind);
    if (found === undefined) {
      found = { ...account(peer, users, groups), ...(path !== undefined && { 'linux.binary.path': path }) };
      this.#known.set(kind, found);
    }
    return found;
  }
}

function account(
  { uid, gid, groups }: PeerProcess,
  userNames: ReadonlyMap<number, string>,
  groupNames: ReadonlyMap<number, string>,
): Attributes {
  const known = (names: readonly (string | undefined)[]): string[] => names.filter((name) => name !== undefined);
  return {
    'linux.user.id': [String(uid)],
    'linux.user.name': known([userNames.get(uid)]),
    'linux.group.id': [String(gid)],
    'linux.group.name': known([groupNames.get(gid)]),
    'linux.supp_group.id': groups.map(String),
    'linux.supp_group.name': known(groups.map((id) => groupNames.get(id))),
  };
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
