import type { Clock } from 'spirl-agent/runtime/clock.js';
import { hasCode, SpirlError } from 'spirl-agent/runtime/errors.js';
import { Latest } from 'spirl-agent/runtime/latest.js';
import type { RecordStore } from '../domain/record-store.js';
import { nextConfigVersion } from './config-version.js';
import { decodeScopeConfig, encodeScopeConfig, recordName, RECORDS } from './managed-config-record.js';
import { configOf, scopeKey, type ManagedConfigState, type ScopeConfig } from './managed-config-state.js';
import { readSectionDocuments, type SectionDocument, type SectionProblem } from './managed-document.js';
import type { ConfigScope, ManagedSection, SectionType } from './managed-section.js';

const ATTEMPTS = 5;

export interface ManagedConfigOptions {
  readonly store: RecordStore;
  readonly clock: Clock;
  /** See `managed-section-types.ts`. */
  readonly types: readonly SectionType[];
}

export interface ConfigUpdate {
  /** YAML, one section each. */
  readonly documents: readonly string[];
  /** Drops the sections that are not among them. */
  readonly prune: boolean;
  /** Empty: whatever is in force. */
  readonly expectedVersion: string;
}

/** Managed sections per scope: validated whole, stored, then in force at once through `state`. */
export class ManagedConfig {
  /** What is in force. */
  readonly state: Latest<ManagedConfigState>;
  readonly #options: ManagedConfigOptions;

  private constructor(options: ManagedConfigOptions, scopes: ReadonlyMap<string, ScopeConfig>) {
    this.#options = options;
    this.state = new Latest({ version: 1, scopes });
  }

  /** Throws STORE_FAILED, STORE_CORRUPT. */
  static async open(options: ManagedConfigOptions): Promise<ManagedConfig> {
    const scopes = new Map<string, ScopeConfig>();
    for (const name of await options.store.list(RECORDS)) {
      const record = await options.store.read(name);
      if (record === undefined) continue;
      const config = decodeScopeConfig(name, record.value);
      scopes.set(scopeKey(config.scope), config);
    }
    return new ManagedConfig(options, scopes);
  }

  get(scope: ConfigScope): ScopeConfig {
    return configOf(this.state.value, scope);
  }

  /** Everything that is wrong with documents for `scope`; nothing changes. Throws VERSION_MISMATCH. */
  validate(scope: ConfigScope, { documents, expectedVersion }: ConfigUpdate): readonly SectionProblem[] {
    const { problems } = readSectionDocuments(documents, scope, this.#options.types);
    checkVersion(this.get(scope), expectedVersion);
    return problems;
  }

  /**
   * Puts documents into force, all or none, and returns the new version. Throws INVALID_CONFIG with everything that is wrong,
   * VERSION_MISMATCH, STORE_FAILED.
   */
  async update(scope: ConfigScope, update: ConfigUpdate): Promise<string> {
    const { documents, problems } = readSectionDocuments(update.documents, scope, this.#options.types);
    if (problems.length > 0) throw invalid(problems);
    const given = documents.map((document, index) => ({ document, text: update.documents[index] ?? '' }));
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#write(scope, given, update);
      } catch (error) {
        // Another replica was faster: its change is taken up, unless the caller named the version it knows.
        if (!(error instanceof StoreMoved)) throw error;
        if (update.expectedVersion !== '' || attempt === ATTEMPTS) throw mismatch(scope);
      }
    }
  }

  async #write(
    scope: ConfigScope,
    given: readonly { readonly document: SectionDocument; readonly text: string }[],
    { prune, expectedVersion }: ConfigUpdate,
  ): Promise<string> {
    const { store, clock } = this.#options;
    const name = recordName(scope);
    const record = await store.read(name);
    const present = record === undefined ? configOf(EMPTY, scope) : decodeScopeConfig(name, record.value);
    checkVersion(present, expectedVersion);
    const version = nextConfigVersion(clock.now(), present.version);
    const kept = prune ? [] : this.#sameObjects(present).filter(({ section }) => !isAmong(section, given));
    const added = given.map(({ document, text }) => {
      // Two updates in one millisecond are still two.
      const before = present.sections.find(({ section }) => section === document.section)?.updatedAt ?? 0;
      return { ...document, document: text, updatedAt: Math.max(clock.now(), before + 1) };
    });
    const next = { scope, version, sections: [...kept, ...added].sort(byName) };
    try {
      await store.write(name, encodeScopeConfig(next), record?.version);
    } catch (error) {
      throw hasCode(error, 'VERSION_MISMATCH') ? new StoreMoved() : error;
    }
    this.#publish(next);
    return version;
  }

  /** Sections that have not changed keep their identity, so that whoever compiled one need not do it again. */
  #sameObjects(config: ScopeConfig): readonly ManagedSection[] {
    const known = this.get(config.scope).sections;
    return config.sections.map(
      (stored) =>
        known.find(({ document, updatedAt }) => document === stored.document && updatedAt === stored.updatedAt) ??
        stored,
    );
  }

  #publish(config: ScopeConfig): void {
    const { version, scopes } = this.state.value;
    // An update that was overtaken between its write and now must not bring the older one back.
    if (this.get(config.scope).version > config.version) return;
    this.state.publish({ version: version + 1, scopes: new Map(scopes).set(scopeKey(config.scope), config) });
  }
}

const EMPTY: ManagedConfigState = { version: 0, scopes: new Map() };

/** The record changed between reading and writing it. */
class StoreMoved extends Error {}

function checkVersion(present: ScopeConfig, expected: string): void {
  if (expected === '' || expected === present.version) return;
  throw new SpirlError(
    'VERSION_MISMATCH',
    `version ${expected.slice(0, 100)} is expected, ${present.version || 'none'} is in force`,
  );
}

function mismatch({ kind, id }: ConfigScope): SpirlError {
  return new SpirlError(
    'VERSION_MISMATCH',
    `the configuration of ${kind} ${id} was changed by somebody else meanwhile`,
  );
}

function invalid(problems: readonly SectionProblem[]): SpirlError {
  const lines = problems.map(({ section, path, reason }) => `${section} ${path || '/'}: ${reason}`);
  return new SpirlError('INVALID_CONFIG', ['the configuration is not valid:', ...lines].join('\n  '));
}

function isAmong(section: string, given: readonly { readonly document: SectionDocument }[]): boolean {
  return given.some(({ document }) => document.section === section);
}

function byName(a: ManagedSection, b: ManagedSection): number {
  return a.section < b.section ? -1 : 1;
}
