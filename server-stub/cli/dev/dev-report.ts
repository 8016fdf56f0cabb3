import type { OwnSvid } from './dev-checks.js';
import { goTime } from '../output.js';

/** A trust domain that is running. */
export interface DevReport {
  readonly trustDomain: string;
  readonly deployment: string;
  readonly deploymentId: string;
  readonly clusterId: string;
  readonly workloadSocket: string;
  readonly adminSocket: string;
  readonly bundlePath: string;
  readonly agentMetrics: string;
  readonly serverMetrics: string;
  readonly agentPid: number;
  readonly serverPid: number;
}

/** One line that scripts read: a contract. */
export function readyLine(report: DevReport): string {
  return `${JSON.stringify({
    ready: true,
    trustDomain: report.trustDomain,
    deployment: report.deployment,
    deploymentId: report.deploymentId,
    clusterId: report.clusterId,
    workloadSocket: report.workloadSocket,
    adminSocket: report.adminSocket,
    bundlePath: report.bundlePath,
    agentMetrics: report.agentMetrics,
    serverMetrics: report.serverMetrics,
    agentPid: report.agentPid,
    serverPid: report.serverPid,
  })}\n`;
}

/** The same for people, with an SVID and four commands to paste. */
export function readyText(report: DevReport, svid: OwnSvid, packageRoot: string): string {
  const endpoint = `SPIFFE_ENDPOINT_SOCKET=${quoted(`unix://${encodeURI(report.workloadSocket)}`)}`;
  const spirldbg = `${endpoint} node ${quoted(`${packageRoot}/src/bin/spirldbg.mjs`)}`;
  const spirlctl = `node ${quoted(`${packageRoot}/server-stub/bin/spirlctl.mjs`)} --server ${quoted(report.adminSocket)}`;
  const deployment = `--trust-domain ${report.trustDomain} --deployment-name ${report.deployment}`;
  return `Trust domain ${report.trustDomain} is running (deployment ${report.deployment}, ${report.deploymentId}).

X.509-SVID fetched over the Workload API:
  SPIFFE ID  ${svid.spiffeId}
  Serial     ${svid.serial}
  Expires    ${goTime(svid.expiresAt)}
  Keyset     ${svid.keysetId}

Workload API   unix://${encodeURI(report.workloadSocket)}
Admin socket   ${report.adminSocket}
Trust bundle   ${report.bundlePath}
Metrics        ${report.agentMetrics} (agent)
               ${report.serverMetrics} (server)
Cluster        dev (${report.clusterId})

Try next, in another shell:
  ${spirldbg} svid-x509
  ${spirldbg} svid-jwt --audience demo
  ${spirldbg} watch
  ${spirlctl} trust-domain deployment keyset list ${deployment}

Ctrl-C stops it; the next start resumes the same trust domain.
`;
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
