import { keysetStep } from '../keyset-step.js';

export const keysetActivate = keysetStep({
  verb: 'activate',
  done: 'activated',
  method: 'trustdomain.ActivateDeploymentKeySet',
  summary: 'Make a prepared keyset the signing one; the active one steps down to prepared.',
});
