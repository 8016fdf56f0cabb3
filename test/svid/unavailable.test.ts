import test from 'ava';
import { neverRenewed, shownToWorkload } from '../../src/svid/unavailable.js';
import { SpirlError } from '../../src/runtime/errors.js';

const text = (code: ConstructorParameters<typeof SpirlError>[0]) =>
  shownToWorkload(new SpirlError(code, 'AWS KMS is away for key arn:aws:kms:…:key/1: connection refused at 10.0.0.1'));

test('a workload is told whether the server is away or something behind it, and nothing of what that is', (t) => {
  t.is(
    text('CANNOT_ISSUE').message,
    'no SVID can be issued at the moment: the trust-domain server is reached, but cannot sign',
  );
  const away = 'no SVID can be issued at the moment: the trust-domain server is not available';
  for (const code of ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'UNAUTHENTICATED'] as const) t.is(text(code).message, away);
  for (const shown of [text('CANNOT_ISSUE'), text('UNAVAILABLE'), neverRenewed()]) t.is(shown.code, 'UNAVAILABLE');
  t.regex(neverRenewed().message, /has expired, and no renewal has succeeded$/);
});
