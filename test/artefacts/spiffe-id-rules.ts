import { Checks, type Check } from './check.js';

/** Every rule for a SPIFFE ID, each on its own; the parts are taken apart here by hand, not by one pattern. */
export function checkSpiffeId(id: string, kind: 'workload' | 'trust domain'): readonly Check[] {
  const checks = new Checks();
  const afterScheme = id.startsWith('spiffe://') ? id.slice('spiffe://'.length) : undefined;
  const slash = afterScheme?.indexOf('/') ?? -1;
  const trustDomain = (slash < 0 ? afterScheme : afterScheme?.slice(0, slash)) ?? '';
  const path = slash < 0 ? '' : (afterScheme?.slice(slash) ?? '');
  checks.must('ID-1', 'the scheme is spiffe', () => afterScheme === undefined && id);
  checks.must('ID-1', 'the trust domain is not empty', () => trustDomain === '' && id);
  checks.must('ID-1', 'there is no query and no fragment', () => /[?#]/.test(id) && id);
  checks.must('ID-2', 'the trust domain has allowed characters only', () =>
    strange(trustDomain, 'abcdefghijklmnopqrstuvwxyz0123456789.-_'),
  );
  checks.must(
    'ID-2',
    'the trust domain has at most 255 bytes',
    () => trustDomain.length > 255 && `${trustDomain.length} bytes`,
  );
  const segments = path.split('/').slice(1);
  checks.must('ID-3', 'path segments have allowed characters only', () =>
    strange(segments.join(''), 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_'),
  );
  checks.must('ID-3', 'no segment is empty, a dot or two dots', () => {
    const bad = segments.find((segment) => segment === '' || segment === '.' || segment === '..');
    return bad === undefined ? false : JSON.stringify(bad);
  });
  checks.should(
    'ID-4',
    'it has at most 2048 bytes',
    () => Buffer.byteLength(id) > 2048 && `${Buffer.byteLength(id)} bytes`,
  );
  if (kind === 'workload') checks.must('X-2', 'it has a path', () => segments.length === 0 && id);
  else checks.must('ID-6', 'a trust domain has no path', () => path !== '' && path);
  return checks.all;
}

function strange(text: string, allowed: string): string | false {
  const found = Array.from(text).filter((character) => !allowed.includes(character));
  return found.length > 0 && JSON.stringify(found.join(''));
}
