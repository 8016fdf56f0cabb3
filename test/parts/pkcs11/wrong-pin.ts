import { openToken } from './token-parts.js';

// A process that comes to a token with a wrong PIN, five times; it tells its parent what it heard.
const [, , modulePath = '', tokenLabel = ''] = process.argv;
const { manager } = openToken({ modulePath, tokenLabel, pin: '0000', sessions: 1 });
const codes: string[] = [];
const messages: string[] = [];
for (let i = 0; i < 5; i++) {
  await manager.listKeys(new AbortController().signal).catch((error: unknown) => {
    const { code, message } = error as Error & { code: string };
    codes.push(code);
    messages.push(message);
  });
}
process.send?.({ codes, messages });
