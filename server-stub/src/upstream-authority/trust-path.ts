import {
  certSigning,
  isCa,
  isSame,
  isSignedBy,
  keyProblem,
  nameOf,
  pathLengthOf,
  signatureProblem,
  type ChainCertificate,
} from './chain-certificate.js';

/** Longer chains are no chains anybody means. */
const MAX_INTERMEDIATES = 8;

export type TrustPath =
  | { readonly intermediates: readonly ChainCertificate[] }
  | { readonly check: 'chain' | 'algorithms'; readonly reason: string };

type Problem = Extract<TrustPath, { check: string }>;

/**
 * The way from our CA through some of `others` to one of `roots`, nearest first and without the root; or why there is none.
 * Where there are several ways the first good one is taken.
 */
export function trustPath(
  ca: ChainCertificate,
  others: readonly ChainCertificate[],
  roots: readonly ChainCertificate[],
  now: number,
): TrustPath {
  const pool = others.filter((other) => !isSame(other, ca) && !roots.some((root) => isSame(other, root)));
  let first: Problem | undefined;
  for (const path of pathsFrom([ca], pool, roots)) {
    const problem = pathProblem(path, now);
    if (problem === undefined) return { intermediates: path.slice(1, -1) };
    first ??= problem;
  }
  return first ?? { check: 'chain', reason: 'it leads to none of the returned roots' };
}

/** Until when a certificate can be verified: the end of its longest-lived way to a root. Undefined: there is no way. */
export function verifiableUntil(
  certificate: ChainCertificate,
  others: readonly ChainCertificate[],
  roots: readonly ChainCertificate[],
): number | undefined {
  const ends = [...pathsFrom([certificate], others, roots)].map((path) => Math.min(...path.map((one) => one.notAfter)));
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** Every way to a root, as lists from our CA to the root. */
function* pathsFrom(
  path: readonly ChainCertificate[],
  pool: readonly ChainCertificate[],
  roots: readonly ChainCertificate[],
): Generator<readonly ChainCertificate[]> {
  const last = path.at(-1);
  if (last === undefined) return;
  for (const root of roots) if (isSignedBy(last, root)) yield [...path, root];
  if (path.length > MAX_INTERMEDIATES) return;
  for (const next of pool) {
    if (path.includes(next) || !isSignedBy(last, next)) continue;
    yield* pathsFrom([...path, next], pool, roots);
  }
}

/** What makes a way unusable. `path`: our CA, intermediates, the root. */
function pathProblem(path: readonly ChainCertificate[], now: number): Problem | undefined {
  const [ca] = path;
  for (const [below, issuer] of path.slice(1).entries()) {
    const chain = (reason: string): Problem => ({ check: 'chain', reason: `${nameOf(issuer)} ${reason}` });
    if (!isCa(issuer) || certSigning(issuer) === 'no') return chain('may not sign certificates');
    const limit = pathLengthOf(issuer);
    if (limit !== undefined && limit <= below) return chain(`allows ${limit} CAs below it, ${below + 1} are there`);
    const issued = path[below];
    if (issued?.node.checkIssued(issuer.node) === false) return chain('has another key identifier than it is known by');
    if (now < issuer.notBefore || now >= issuer.notAfter) return chain('is not valid now');
    if (ca !== undefined && ca.notAfter > issuer.notAfter) {
      return chain(
        `ends ${new Date(issuer.notAfter).toISOString()}, before our CA (${new Date(ca.notAfter).toISOString()})`,
      );
    }
    // Nobody verifies what a root signed of itself.
    const isRoot = below === path.length - 2;
    const weak = keyProblem(issuer) ?? (isRoot ? undefined : signatureProblem(issuer));
    if (weak !== undefined) return { check: 'algorithms', reason: `${nameOf(issuer)}: ${weak}` };
  }
  return undefined;
}
