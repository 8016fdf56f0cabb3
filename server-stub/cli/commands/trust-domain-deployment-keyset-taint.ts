import { keysetStep } from '../keyset-step.js';

export const keysetTaint = keysetStep({
  verb: 'taint',
  done: 'tainted',
  method: 'trustdomain.TaintDeploymentKeySet',
  summary: 'Have agents renew what a prepared keyset signed.',
});
