/**
 * Why a webhook must not be called; undefined when it may. `hosts` are those that this machine's own configuration declares,
 * each a host (any port) or `host:port`.
 */
export function hostProblem(webhookURL: string, hosts: readonly string[]): string | undefined {
  const url = URL.canParse(webhookURL) ? new URL(webhookURL) : undefined;
  if (url === undefined) return 'a URL is expected';
  if (url.protocol !== 'https:') return 'an https URL is expected';
  if (url.username !== '' || url.password !== '') return 'a URL without user name and password is expected';
  if (url.search !== '' || url.hash !== '') return 'a URL without query and fragment is expected';
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port === '' ? '443' : url.port;
  const allowed = hosts.some((entry) => {
    const declared = entry.toLowerCase().replace(/\.$/, '');
    return declared === host || declared === `${host}:${port}`;
  });
  if (allowed) return undefined;
  const known = hosts.length === 0 ? 'none is declared' : `declared: ${hosts.join(', ')}`;
  return `a host that the server's own configuration declares is expected (extensions.webhookHosts; ${known})`;
}
