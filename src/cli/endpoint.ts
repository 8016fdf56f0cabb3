import { parseEndpointSocket, type EndpointSocket } from '../runtime/endpoint-socket.js';
import { SpirlError } from '../runtime/errors.js';

/** A usage problem: exit code 2, not 1. */
export class UsageError extends Error {}

/**
 * Where to ask: the flag (a URI, or an absolute path for short), else SPIFFE_ENDPOINT_SOCKET (a URI). Throws UsageError when
 * there is neither, or what is given is no endpoint.
 */
export function chooseEndpoint(flag: string | undefined, variable: string | undefined): EndpointSocket {
  if (flag !== undefined && flag !== '') {
    if (flag.startsWith('/')) return { scheme: 'unix', path: flag };
    return parsed(flag, '--spiffe-endpoint-socket');
  }
  if (variable !== undefined && variable !== '') return parsed(variable, 'SPIFFE_ENDPOINT_SOCKET');
  throw new UsageError(
    'no endpoint: set SPIFFE_ENDPOINT_SOCKET=unix:///path/to/socket or give --spiffe-endpoint-socket',
  );
}

function parsed(text: string, source: string): EndpointSocket {
  try {
    return parseEndpointSocket(text);
  } catch (error) {
    if (error instanceof SpirlError) throw new UsageError(`${source}: ${error.message}`);
    throw error;
  }
}
