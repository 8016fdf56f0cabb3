import type { Logger } from './logger.js';

/** Reads a managed section's spec; what it does not understand is in `problems`, and `spec` is safe to use all the same. */
export type SectionReader<T> = (spec: unknown) => {
  readonly spec: T;
  readonly problems: readonly { readonly path: string; readonly reason: string }[];
};

/**
 * The managed section `name` as it is now, read again when `section` (its spec; `undefined`: absent) gives another object. The
 * server refuses sections with problems, so there are some only when it is newer than this program: they are logged, each
 * set of them once.
 */
export function liveSection<T>(name: string, read: SectionReader<T>, section: () => unknown, logger: Logger): () => T {
  let present: { readonly from: unknown; readonly spec: T } | undefined;
  let told = '[]';
  return () => {
    const from = section();
    if (present !== undefined && present.from === from) return present.spec;
    const { spec, problems } = read(from);
    const telling = JSON.stringify(problems);
    if (telling !== told) {
      for (const { path, reason } of problems)
        logger.warn(`Managed section ${name} is not understood`, { path, reason });
      told = telling;
    }
    present = { from, spec };
    return spec;
  };
}
