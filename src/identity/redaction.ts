import { readAttributeRedaction, type AttributeRedactionSpec } from '../domain/attribute-redaction.js';
import type { Attributes } from '../domain/attributes.js';
import { liveSection } from '../runtime/live-section.js';
import type { Logger } from '../runtime/logger.js';
import { madeOnce } from '../runtime/made-once.js';
import { redactAttributes } from './redact-attributes.js';

/** The values listed in one log line; supplementary groups alone can be a thousand. */
const MAX_LISTED = 64;

/** Takes from attested attributes what may leave the node and logs, per request, what did and what did not. */
export interface Redaction {
  redact(attributes: Attributes): Attributes;
}

/** `section` gives the spec of the managed section `AttributeRedaction` as it is now; a newer one holds for the next caller. */
export function createRedaction(section: () => unknown, logger: Logger): Redaction {
  const policy = liveSection('AttributeRedaction', readAttributeRedaction, section, logger);
  const answer = madeOnce((attested: Attributes, spec: AttributeRedactionSpec) => {
    const { attributes, redactions } = redactAttributes(attested, spec);
    return { attributes, told: { attributes: listed(attributes), redactions } };
  });
  return {
    redact: (attested) => {
      const { attributes, told } = answer(attested, policy());
      logger.info('Attestation finished', told);
      return attributes;
    },
  };
}

/** `linux:linux.user.name="root"`: which attestor, which attribute, which value. */
function listed(attributes: Attributes): readonly string[] {
  const all = Object.entries(attributes).flatMap(([name, values]) => {
    const [attestor = ''] = name.split('.');
    return values.map((value) => `${attestor}:${name}=${JSON.stringify(value)}`);
  });
  return all.length <= MAX_LISTED ? all : [...all.slice(0, MAX_LISTED), `and ${all.length - MAX_LISTED} more`];
}
