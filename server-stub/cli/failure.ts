import { status, type ServiceError } from '@grpc/grpc-js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { statusName } from 'spirl-agent/runtime/grpc-status.js';

/** A usage problem: exit code 2, not 1. */
export class UsageError extends Error {}

/** What operators know for a lost race, two commands at once, and everything the server does not explain. Printed as it is. */
const INTERNAL = 'The request failed due to an internal error, please try again.';

/** What grpc-js says in its own words when the connection ends under a call. */
const LOST = /^(Connection dropped|No connection established|Received RST_STREAM|Stream closed|read |write |14 )|ECONN/;

/** The text for standard error, one line or more, without the last newline. */
export function failureText(error: unknown): string {
  if (isServiceError(error)) return serviceFailure(error);
  if (error instanceof SpirlError || error instanceof UsageError) return `Error: ${error.message}`;
  return `Error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

function serviceFailure({ code, details }: ServiceError): string {
  if (code === status.INTERNAL) return INTERNAL;
  if (code === status.UNAVAILABLE && LOST.test(details)) {
    return 'Error: the connection to the server was lost before it answered; a change may or may not have been made: look with list.';
  }
  if (code === status.DEADLINE_EXCEEDED && details.startsWith('Deadline exceeded after')) {
    return 'Error: the server did not answer in time; a change may or may not have been made: look with list.';
  }
  return `Error: ${details === '' ? statusName(code) : details}`;
}
