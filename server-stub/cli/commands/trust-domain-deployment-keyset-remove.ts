import { keysetStep } from '../keyset-step.js';

export const keysetRemove = keysetStep({
  verb: 'remove',
  done: 'removed',
  method: 'trustdomain.RemoveDeploymentKeySet',
  summary: 'Take a tainted keyset out of the trust bundle, for good.',
});
