import { InvalidConfigError, type Problem } from 'spirl-agent/runtime/problems.js';
import type { Setting } from 'spirl-agent/runtime/settings.js';
import { readSectionDocuments, type SectionDocument } from './managed-document.js';
import type { SectionType } from './managed-section.js';

/** More sections than there are. */
const MAX_SECTIONS = 16;

/** Sections of the deployment in the server's own configuration file; what is in them is looked at by `readStartSections`. */
export function sectionList(help: string): Setting<readonly unknown[]> {
  return {
    type: 'list of sections',
    fallback: '[]',
    help,
    read: (value, pointer, problems) => {
      if (value === undefined) return [];
      if (Array.isArray(value) && value.length <= MAX_SECTIONS) return Object.freeze([...(value as unknown[])]);
      problems.add(pointer, `a list of at most ${MAX_SECTIONS} sections (section, schema, spec) is expected`);
      return [];
    },
  };
}

/** The deployment's sections in the configuration file, by name. Throws InvalidConfigError with everything that is wrong. */
export function readStartSections(
  given: readonly unknown[],
  deploymentId: string,
  types: readonly SectionType[],
): ReadonlyMap<string, SectionDocument> {
  const { sections, problems } = lookAtStartSections(given, deploymentId, types);
  if (problems.length > 0) throw new InvalidConfigError('the server configuration', problems);
  return sections;
}

/** The same; what is wrong is told, not thrown, with its place in the file. */
export function lookAtStartSections(
  given: readonly unknown[],
  deploymentId: string,
  types: readonly SectionType[],
): { readonly sections: ReadonlyMap<string, SectionDocument>; readonly problems: readonly Problem[] } {
  const sections = new Map<string, SectionDocument>();
  const problems: Problem[] = [];
  given.forEach((entry, index) => {
    const at = `/managedConfig/${index}`;
    const scope = { kind: 'trust-domain-deployment', id: deploymentId } as const;
    const read = readSectionDocuments([JSON.stringify(entry)], scope, types);
    problems.push(...read.problems.map(({ path, reason }) => ({ path: at + path, reason })));
    for (const document of read.documents) {
      if (sections.has(document.section)) {
        problems.push({ path: `${at}/section`, reason: 'the same section is given twice' });
      }
      sections.set(document.section, document);
    }
  });
  return { sections, problems };
}
