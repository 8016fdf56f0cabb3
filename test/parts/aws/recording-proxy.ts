import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One call of an AWS service: `Sign` and what was sent with it. */
export interface RecordedCall {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Stands before an AWS emulator and writes down what is asked of it. */
export interface RecordingProxy {
  readonly url: string;
  /** The calls since it was asked the last time, in the order of their arrival. */
  taken(): readonly RecordedCall[];
  stop(): Promise<void>;
}

export async function startRecordingProxy(upstream: string): Promise<RecordingProxy> {
  let calls: RecordedCall[] = [];
  const server = createServer((incoming, answer) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      const body = Buffer.concat(parts);
      const { method = '', url = '', headers } = incoming;
      calls.push(callOf(headers['x-amz-target'], body.toString('utf8')));
      // The signature covers the headers, so they go on as they came.
      const onward = request(new URL(url, upstream), { method, headers }, (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      });
      onward.on('error', () => answer.destroy());
      onward.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => {
      const now = calls;
      calls = [];
      return now;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** JSON services name the operation in a header, the older ones in a form. */
function callOf(target: string | readonly string[] | undefined, body: string): RecordedCall {
  if (target === undefined) {
    const { Action = '', ...input } = Object.fromEntries(new URLSearchParams(body));
    return { operation: Action, input };
  }
  return { operation: String(target).split('.').at(-1) ?? '', input: JSON.parse(body) as RecordedCall['input'] };
}
