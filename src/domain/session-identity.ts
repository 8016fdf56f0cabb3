import { SpiffeId } from './spiffe-id.js';
import { SpirlError } from '../runtime/errors.js';

const ID = '[a-z0-9-]{1,64}';
const SERVER = new RegExp(`^/spirl/server/(${ID})$`);
const AGENT = new RegExp(`^/spirl/agent/(${ID})/(${ID})$`);

/** The name of a deployment's endpoint in its session certificate. */
export function serverSpiffeId(trustDomain: string, deploymentId: string): string {
  return SpiffeId.parse(`spiffe://${trustDomain}/spirl/server/${deploymentId}`).toString();
}

/** The name of an agent in its session certificate. */
export function agentSpiffeId(trustDomain: string, clusterId: string, agentId: string): string {
  return SpiffeId.parse(`spiffe://${trustDomain}/spirl/agent/${clusterId}/${agentId}`).toString();
}

/** Which deployment a server certificate names. Throws UNAUTHENTICATED when it names no server of `trustDomain`. */
export function parseServerSpiffeId(text: string, trustDomain: string): { deploymentId: string } {
  const [deploymentId] = match(text, trustDomain, SERVER) ?? [];
  if (deploymentId === undefined) throw new SpirlError('UNAUTHENTICATED', `not a server of ${trustDomain}: ${text}`);
  return { deploymentId };
}

/** Which agent a session certificate names. Throws UNAUTHENTICATED when it names no agent of `trustDomain`. */
export function parseAgentSpiffeId(text: string, trustDomain: string): { clusterId: string; agentId: string } {
  const [clusterId, agentId] = match(text, trustDomain, AGENT) ?? [];
  if (clusterId === undefined || agentId === undefined) {
    throw new SpirlError('UNAUTHENTICATED', `not an agent of ${trustDomain}: ${text}`);
  }
  return { clusterId, agentId };
}

function match(text: string, trustDomain: string, path: RegExp): string[] | undefined {
  const id = SpiffeId.parse(text);
  return id.trustDomain === trustDomain ? path.exec(id.path)?.slice(1) : undefined;
}
