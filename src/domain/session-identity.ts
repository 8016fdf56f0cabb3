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

/** Throws UNAUTHENTICATED unless `text` names a server, and one of `trustDomain` when that is given. */
export function checkServerSpiffeId(text: string, trustDomain: string | undefined): void {
  const id = SpiffeId.parse(text);
  if (SERVER.test(id.path) && id.trustDomain === (trustDomain ?? id.trustDomain)) return;
  throw new SpirlError('UNAUTHENTICATED', `not a server of ${trustDomain ?? 'a trust domain'}: ${text}`);
}

/** Which agent a session certificate names. Throws UNAUTHENTICATED when it names no agent of `trustDomain`. */
export function parseAgentSpiffeId(text: string, trustDomain: string): { clusterId: string; agentId: string } {
  const id = SpiffeId.parse(text);
  const [, clusterId, agentId] = (id.trustDomain === trustDomain && AGENT.exec(id.path)) || [];
  if (clusterId === undefined || agentId === undefined) {
    throw new SpirlError('UNAUTHENTICATED', `not an agent of ${trustDomain}: ${text}`);
  }
  return { clusterId, agentId };
}
