import { SpirlError } from 'spirl-agent/runtime/errors.js';

/** Another mutation is under way, or was faster: the sentence that the rotation runbook explains. */
export function concurrentMutation(cause?: unknown): SpirlError {
  return new SpirlError('CONCURRENT_MUTATION', 'The request failed due to an internal error, please try again.', {
    cause,
  });
}
