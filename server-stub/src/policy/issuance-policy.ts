import { hash } from 'node:crypto';
import type { Attributes } from 'spirl-agent/domain/attributes.js';
import type { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import type { SubjectName } from '../domain/subject-name.js';
import { AttributeView, isSessionAttribute, type SessionFacts } from './attribute-view.js';
import { renderClaims, type ClaimTemplate } from './claims-template.js';
import type { PathTemplate } from './path-template.js';
import type { SubjectTemplate } from './subject-template.js';
import { attributesOf } from './template.js';

/** The base policy, or that of an override: complete, defaults included. */
export interface Branch {
  readonly path: PathTemplate;
  readonly subject: SubjectTemplate | undefined;
  readonly x509TtlMs: number;
  readonly jwtTtlMs: number;
  readonly claims: ReadonlyMap<string, ClaimTemplate>;
  readonly hint: string;
}

/** True when one of the attribute's values is this one. */
export interface Condition {
  readonly attribute: string;
  readonly value: string;
}

export interface Override {
  /** All must hold. */
  readonly when: readonly Condition[];
  readonly branch: Branch;
}

/** A workload, as its agent and the agent's session describe it. */
export interface PolicyInput {
  readonly attributes: Attributes;
  readonly session: SessionFacts;
  readonly trustDomain: string;
}

/** What a workload's X.509-SVID shall be. */
export interface X509Decision {
  readonly spiffeId: SpiffeId;
  readonly ttlMs: number;
  /** Empty: no subject. */
  readonly subject: SubjectName;
  readonly hint: string;
  /** Opaque; two decisions with the same outcome are the same decision. */
  readonly outcome: string;
}

/** What a workload's JWT-SVIDs shall be. */
export interface JwtDecision {
  readonly spiffeId: SpiffeId;
  readonly ttlMs: number;
  readonly claims: Readonly<Record<string, string | number | boolean>>;
  readonly hint: string;
}

/** One object, which those that keep something for each subject know again. */
const NO_SUBJECT: SubjectName = Object.freeze([]);

/** A compiled SVIDIssuancePolicy. Pure and immutable: the same workload always gets the same decision. */
export class IssuancePolicy {
  /** Names of all attributes that any branch reads of those an agent can send; sorted. */
  readonly reads: readonly string[];
  readonly #base: Branch;
  readonly #overrides: readonly Override[];

  constructor(base: Branch, overrides: readonly Override[]) {
    this.#base = base;
    this.#overrides = overrides;
    const names = [
      ...[base, ...overrides.map(({ branch }) => branch)].flatMap(readsOf),
      ...overrides.flatMap(({ when }) => when.map(({ attribute }) => attribute)),
    ];
    this.reads = Object.freeze([...new Set(names)].filter((name) => !isSessionAttribute(name)).sort());
  }

  /** Throws NO_IDENTITY_ISSUED; INVALID_REQUEST for attributes that are not the agent's to claim. */
  decideX509(input: PolicyInput): X509Decision {
    const view = new AttributeView(input.attributes, input.session);
    const { path, subject: template, x509TtlMs: ttlMs, hint } = this.#branch(view);
    const spiffeId = path.render(view, input.trustDomain);
    const subject = template?.render(view) ?? NO_SUBJECT;
    const decided = JSON.stringify(['x509', 1, spiffeId.toString(), ttlMs, subject, hint]);
    return { spiffeId, ttlMs, subject, hint, outcome: hash('sha256', decided, 'base64url') };
  }

  /** Throws like `decideX509`. */
  decideJwt(input: PolicyInput): JwtDecision {
    const view = new AttributeView(input.attributes, input.session);
    const { path, claims, jwtTtlMs: ttlMs, hint } = this.#branch(view);
    return { spiffeId: path.render(view, input.trustDomain), ttlMs, claims: renderClaims(claims, view), hint };
  }

  /** The first override that matches replaces the base. */
  #branch(view: AttributeView): Branch {
    const holds = ({ attribute, value }: Condition): boolean => view.values(attribute).includes(value);
    return this.#overrides.find(({ when }) => when.every(holds))?.branch ?? this.#base;
  }
}

function readsOf({ path, subject, claims }: Branch): readonly string[] {
  const templates = [...claims.values()].flatMap((claim) => ('template' in claim ? [claim.template] : []));
  return [...path.reads, ...(subject?.reads ?? []), ...templates.flatMap(attributesOf)];
}
