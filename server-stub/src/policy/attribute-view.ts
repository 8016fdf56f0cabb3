import type { Attributes } from 'spirl-agent/domain/attributes.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';

/** What the session knows of the agent's cluster, by the names that templates use. */
const SESSION_ATTRIBUTES = {
  'cluster.id': (session: SessionFacts) => session.clusterId,
  'cluster.name': (session: SessionFacts) => session.clusterName,
  'node_group.id': (session: SessionFacts) => session.clusterId,
  'node_group.name': (session: SessionFacts) => session.clusterName,
} as const;

const RESERVED = /^(?:cluster|node_group)(?:\.|$)/;

/** The part of an agent's session that a policy reads. */
export interface SessionFacts {
  readonly clusterId: string;
  readonly clusterName: string;
}

/** True for attributes that come from the session, never from an agent. */
export function isSessionAttribute(name: string): boolean {
  return RESERVED.test(name);
}

/** What a policy sees of one workload: the session's word on the cluster, the agent's on everything else. */
export class AttributeView {
  readonly #attributes: Attributes;
  readonly #session: SessionFacts;
  /** Throws INVALID_REQUEST when the agent claims what only its session can say. */
  constructor(attributes: Attributes, session: SessionFacts) {
    const claimed = Object.keys(attributes).find(isSessionAttribute);
    if (claimed !== undefined) {
      throw new SpirlError(
        'INVALID_REQUEST',
        'attributes cluster.* and node_group.* come from the session, never from the agent',
      );
    }
    this.#attributes = attributes;
    this.#session = session;
  }

  /** Values of an attribute, none when there is no such attribute. */
  values(name: string): readonly string[] {
    if (Object.hasOwn(SESSION_ATTRIBUTES, name)) {
      return [SESSION_ATTRIBUTES[name as keyof typeof SESSION_ATTRIBUTES](this.#session)];
    }
    return (Object.hasOwn(this.#attributes, name) && this.#attributes[name]) || [];
  }

  /** The one value of an attribute that a template needs. Throws NO_IDENTITY_ISSUED. */
  single(name: string): string {
    const [value, ...more] = this.values(name);
    if (value === undefined || value === '') throw noIdentity(`the workload has no attribute ${name}`);
    if (more.length > 0) throw noIdentity(`attribute ${name} has ${more.length + 1} values where one is needed`);
    return value;
  }
}

/** The refusal of an identity. The sentence names the attribute and never shows its value. */
export function noIdentity(reason: string): SpirlError {
  return new SpirlError('NO_IDENTITY_ISSUED', `no identity issued: ${reason}`);
}
