import { isIP } from 'node:net';
import { SpirlError } from './errors.js';

/** Where a Workload API is: the value of SPIFFE_ENDPOINT_SOCKET, parsed (SPIFFE_Workload_Endpoint 4). */
export type EndpointSocket =
  | { readonly scheme: 'unix'; readonly path: string }
  | { readonly scheme: 'tcp'; readonly host: string; readonly port: number };

/** RFC 3986, appendix B: scheme, authority, path, query, fragment. */
const URI = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/;
/** RFC 3986, 2: the characters that may stand in a URI at all. */
const URI_CHARACTERS = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/;

/** Parses `unix:///path`, `unix:/path` or `tcp://IP:PORT`. Throws INVALID_REQUEST that says what is wrong. */
export function parseEndpointSocket(text: string): EndpointSocket {
  const refuse = (reason: string): never => {
    throw new SpirlError('INVALID_REQUEST', `not a SPIFFE endpoint socket: ${JSON.stringify(text)}: ${reason}`);
  };
  if (!URI_CHARACTERS.test(text)) return refuse('not a URI (RFC 3986)');
  const [, scheme = '', authority, path = '', query, fragment] = URI.exec(text) ?? [];
  if (query !== undefined) return refuse('a query is not allowed');
  if (fragment !== undefined) return refuse('a fragment is not allowed');
  switch (scheme.toLowerCase()) {
    case 'unix':
      return unixSocket(authority ?? '', path, refuse);
    case 'tcp':
      return tcpSocket(authority ?? '', path, refuse);
    default:
      return refuse('the scheme must be unix or tcp');
  }
}

function unixSocket(authority: string, path: string, refuse: (reason: string) => never): EndpointSocket {
  if (authority !== '') return refuse('unix takes no host: unix:///path/to/socket');
  if (!path.startsWith('/')) return refuse('the path must be absolute');
  const decoded = decode(path, refuse);
  if (decoded.includes('\0')) return refuse('the path holds a zero byte');
  if (decoded.endsWith('/')) return refuse('the path names a directory');
  return { scheme: 'unix', path: decoded };
}

function decode(path: string, refuse: (reason: string) => never): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return refuse('the path is not percent-encoded UTF-8');
  }
}

function tcpSocket(authority: string, path: string, refuse: (reason: string) => never): EndpointSocket {
  if (path !== '') return refuse('tcp takes no path');
  if (authority.includes('@')) return refuse('user information is not allowed');
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(authority) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (port < 1 || port > 65_535) return refuse('tcp needs an IP address and a port: tcp://127.0.0.1:8000');
  if (isIP(host) !== (bracketed === undefined ? 4 : 6)) return refuse('the host must be an IP address, not a name');
  return { scheme: 'tcp', host, port };
}

/** The URI in its usual form, for people to read. */
export function endpointUri(endpoint: EndpointSocket): string {
  if (endpoint.scheme === 'unix') return `unix://${encodeURI(endpoint.path)}`;
  return `tcp://${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
}

/** What grpc-js connects to. */
export function grpcTarget(endpoint: EndpointSocket): string {
  // `unix:` takes the path as it is; two slashes at its beginning would be read as an authority.
  if (endpoint.scheme === 'unix') return `unix:${endpoint.path.replace(/^\/+/, '/')}`;
  return endpoint.host.includes(':')
    ? `ipv6:[${endpoint.host}]:${endpoint.port}`
    : `ipv4:${endpoint.host}:${endpoint.port}`;
}
