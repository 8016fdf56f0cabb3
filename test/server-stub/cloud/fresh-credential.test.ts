import test from 'ava';
import type { TokenCredential } from '@azure/identity';
import { FreshCredential } from '../../../server-stub/src/cloud/azure/fresh-credential.js';

/** Counts how often one was made; each remembers its first failure, as the library's do. */
function remembering(answers: readonly ('fails' | 'token')[]) {
  let [made, asked] = [0, 0];
  const make = (): TokenCredential => {
    made++;
    let failure: Error | undefined;
    return {
      getToken: () => {
        if (failure !== undefined) return Promise.reject(failure);
        if (answers[asked++] === 'token') return Promise.resolve({ token: 't', expiresOnTimestamp: 1 });
        failure = new Error('AuthenticationError');
        return Promise.reject(failure);
      },
    };
  };
  return { make, made: () => made };
}

test('a failure to get a token is not remembered: the next question is really asked', async (t) => {
  const { make, made } = remembering(['fails', 'token', 'token']);
  const credential = new FreshCredential(make);
  await t.throwsAsync(credential.getToken('scope'));
  t.is((await credential.getToken('scope'))?.token, 't');
  t.is((await credential.getToken('scope'))?.token, 't');
  t.is(made(), 2);
});

test('several that fail together begin anew once', async (t) => {
  const { make, made } = remembering(['fails', 'token', 'token']);
  const credential = new FreshCredential(make);
  const failed = await Promise.allSettled([1, 2, 3].map(() => credential.getToken('scope')));
  t.true(failed.every(({ status }) => status === 'rejected'));
  await Promise.all([credential.getToken('scope'), credential.getToken('scope')]);
  t.is(made(), 2);
});
