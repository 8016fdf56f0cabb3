import { KeyServiceThrottled } from '../../domain/key-manager.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { quotable, type HttpAnswer } from 'spirl-agent/runtime/http-exchange.js';

/** What an answer without success means. `call` completes `webhook https://… refused`; `secret` is kept out of what is quoted. */
export function failureOf(title: string, call: string, answer: HttpAnswer, secret: string | undefined): SpirlError {
  const { status } = answer;
  // What a service says may be about its inside: it is for operators, and a signature is asked for by agents.
  const text = answer.body.toString('utf8');
  const said = quotable(secret === undefined ? text : text.replaceAll(secret, '***'));
  const cause = said === '' ? {} : { cause: new Error(`it said: ${said}`) };
  const told = (verb: string): string => {
    const what = `${title} ${verb} ${call}: HTTP ${status}${hintOf(status)}`;
    return call === 'to sign' || said === '' ? what : `${what}: ${said}`;
  };
  if (status === 429 || status === 503) {
    return new KeyServiceThrottled(told('is too busy'), { ...cause, retryAfterMs: retryAfterMs(answer) });
  }
  // Of the client's errors only a late request may pass by itself.
  if (status >= 500 || status === 408) return new SpirlError('KEY_SERVICE_UNAVAILABLE', told('failed'), cause);
  return new SpirlError('KEY_SERVICE_REFUSED', told('refused'), cause);
}

function hintOf(status: number): string {
  if (status >= 300 && status < 400) return ' (redirects are not followed)';
  if (status === 401 || status === 403) return ' (is the bearer token right?)';
  return '';
}

/** Seconds only: a date would need clocks that agree. */
function retryAfterMs({ headers }: HttpAnswer): number | undefined {
  const after = headers['retry-after'];
  return after !== undefined && /^[0-9]{1,5}$/.test(after) ? Number(after) * 1000 : undefined;
}
