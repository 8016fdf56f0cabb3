import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLinuxAttestor } from '../../../src/attestation/linux-attestor.js';
import { createWorkloadAttestation } from '../../../src/attestation/attest-workload.js';
import type { PeerProcess } from '../../../src/domain/peer-process.js';
import { createRedaction } from '../../../src/identity/redaction.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { fileStamp, ownerOf } from '../../../src/runtime/file-facts.js';
import { silentLogger } from '../../../src/runtime/logger.js';
import { peerCredentials, peerGroups } from '../../../src/runtime/peer-credentials.js';
import { policyPart, type PolicyPart } from '../../../src/svid/policy-part.js';
import { groupsByStatus, stampByStat } from './plain-serving.js';
import { Sink, type Trick } from './trick.js';

const groupsWithCredentials: Trick = {
  name: 'groups by SO_PEERGROUPS, of /proc/PID/status',
  unit: 'caller',
  open: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'spirl-bench-tricks-'));
    const server = createServer().listen(join(directory, 's'));
    await once(server, 'listening');
    const client = connect(join(directory, 's'));
    const [socket] = (await once(server, 'connection')) as [Socket];
    const sink = new Sink();
    const { pid } = peerCredentials(socket);
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = peerGroups(socket);
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = groupsByStatus(pid);
      },
      close: () => {
        client.destroy();
        socket.destroy();
        server.close();
        rmSync(directory, { recursive: true });
      },
    };
  },
};

const NEVER = new AbortController().signal;
const READS = ['linux.user.*', 'linux.group.name'];
const PEER: PeerProcess = {
  ...{ pid: 42, uid: 1_000, gid: 1_000, groups: [4, 27, 1_000] },
  verify: () => {},
  readFile: () => Buffer.alloc(0),
  readLink: () => '/usr/bin/app',
};

type KnowCaller = (peer: PeerProcess) => Promise<PolicyPart>;

/** What a call needs to know of its caller, with account names as `users` gives them; `reads`: what the policy reads. */
export function callerChain(users: () => ReadonlyMap<number, string>, reads: readonly string[]): KnowCaller {
  const groups = new Map([[4, 'adm']]);
  const section = () => ({ enabled: true, discoverWorkloadPath: true });
  const attestation = createWorkloadAttestation({
    attestors: [createLinuxAttestor(section, { users, groups: () => groups }, silentLogger)],
    ...{ timeoutMs: 1_000, clock: systemClock, logger: silentLogger, metrics: { attested: () => {} } },
  });
  const redaction = createRedaction(() => undefined, silentLogger);
  return async (peer) => policyPart(redaction.redact(await attestation.attest(peer, NEVER)), reads);
}

/** The same with nothing remembered: account names that are of another reading each time. */
export function callerChainAnew(users: ReadonlyMap<number, string>, reads: readonly string[]): KnowCaller {
  const readings = [users, new Map(users)] as const;
  let reading = 0;
  return callerChain(() => readings[(reading = 1 - reading) as 0 | 1], reads);
}

const kindsOfCallers: Trick = {
  name: 'callers of one kind one object, of computed per call',
  unit: 'call',
  open: () => {
    const users = new Map([[1_000, 'checkout']]);
    const [remembering, anew] = [callerChain(() => users, READS), callerChainAnew(users, READS)];
    const sink = new Sink();
    return {
      trick: async (times) => {
        for (let i = 0; i < times; i++) sink.kept = await remembering(PEER);
      },
      plain: async (times) => {
        for (let i = 0; i < times; i++) sink.kept = await anew(PEER);
      },
    };
  },
};

const owner: Trick = {
  name: 'owner of a process by statx, of fstatSync',
  unit: 'look',
  open: () => {
    const fd = openSync(`/proc/${process.pid}`, 'r');
    const sink = new Sink();
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = ownerOf(fd);
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = fstatSync(fd);
      },
      close: () => closeSync(fd),
    };
  },
};

const stamp: Trick = {
  name: 'stamp of an account file by statx, of statSync',
  unit: 'look',
  open: () => {
    const sink = new Sink();
    return {
      trick: (times) => {
        for (let i = 0; i < times; i++) sink.kept = fileStamp('/etc/passwd');
      },
      plain: (times) => {
        for (let i = 0; i < times; i++) sink.kept = stampByStat('/etc/passwd');
      },
    };
  },
};

export const callerTricks: readonly Trick[] = [groupsWithCredentials, kindsOfCallers, owner, stamp];
