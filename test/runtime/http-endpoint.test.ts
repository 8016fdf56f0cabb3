import { request } from 'node:http';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { hasCode } from '../../src/runtime/errors.js';
import { openHttpEndpoint, type HttpPages, type Readiness } from '../../src/runtime/http-endpoint.js';

const ready: Readiness = { status: 'ready', reasons: [] };

async function serve(t: ExecutionContext, pages: Partial<HttpPages> = {}) {
  const endpoint = await openHttpEndpoint(
    { host: '127.0.0.1', port: 0 },
    { readiness: () => ready, onUnexpected: () => {}, ...pages },
  );
  const stop = new AbortController();
  const running = endpoint.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  return { endpoint, stop, running };
}

function get(url: string, method = 'GET', headers: Record<string, string> = {}) {
  return new Promise<{ code: number; body: string; headers: Record<string, unknown> }>((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ code: response.statusCode ?? 0, body, headers: response.headers }));
    });
    sent.on('error', reject).end();
  });
}

test('port 0 takes a free port and says which', async (t) => {
  const { endpoint } = await serve(t);
  t.true(endpoint.address.port > 0);
  t.is(endpoint.url, `http://127.0.0.1:${endpoint.address.port}`);
  t.is((await get(`${endpoint.url}/live`)).code, 200);
});

for (const [status, code] of [
  ['ready', 200],
  ['degraded', 200],
  ['unready', 503],
] as const) {
  test(`/ready answers ${code} with the reasons when ${status}`, async (t) => {
    const reasons = status === 'ready' ? [] : ['the server is away'];
    const { endpoint } = await serve(t, { readiness: () => ({ status, reasons }) });
    const answer = await get(`${endpoint.url}/ready?verbose`);
    t.is(answer.code, code);
    t.deepEqual(JSON.parse(answer.body), { status, reasons });
  });
}

test('/metrics is what the registry says; HEAD is the same without it', async (t) => {
  const { endpoint } = await serve(t, { metrics: () => Promise.resolve({ contentType: 'text/x', body: 'a 1\n' }) });
  const answer = await get(`${endpoint.url}/metrics`);
  t.is(answer.body, 'a 1\n');
  t.is(answer.headers['content-type'], 'text/x');
  const head = await get(`${endpoint.url}/metrics`, 'HEAD');
  t.is(head.body, '');
  t.is(head.headers['content-length'], '4');
});

test('without metrics there is no such page', async (t) => {
  const { endpoint } = await serve(t);
  t.is((await get(`${endpoint.url}/metrics`)).code, 404);
  t.is((await get(`${endpoint.url}/`)).code, 404);
});

test('other methods are refused', async (t) => {
  const { endpoint } = await serve(t);
  const answer = await get(`${endpoint.url}/live`, 'POST');
  t.is(answer.code, 405);
  t.is(answer.headers['allow'], 'GET, HEAD');
});

test('a page that cannot be made is reported here and 500 there', async (t) => {
  const errors: unknown[] = [];
  const { endpoint } = await serve(t, {
    metrics: () => Promise.reject(new Error('secret')),
    onUnexpected: (error) => errors.push(error),
  });
  const answer = await get(`${endpoint.url}/metrics`);
  t.is(answer.code, 500);
  t.notRegex(answer.body, /secret/);
  t.is(errors.length, 1);
});

test('a port in use is told in a sentence', async (t) => {
  const { endpoint } = await serve(t);
  const pages = { readiness: () => ready, onUnexpected: () => {} };
  const error = await t.throwsAsync(openHttpEndpoint(endpoint.address, pages));
  t.true(hasCode(error, 'INVALID_CONFIG'));
  t.is(error.message, `cannot listen on ${endpoint.url.slice(7)}: the port is in use by another process`);
});

test('headers without bound are refused', async (t) => {
  const { endpoint } = await serve(t);
  t.is((await get(`${endpoint.url}/live`, 'GET', { x: 'y'.repeat(10_000) })).code, 431);
});

test('stopping ends connections that never asked', async (t) => {
  const { endpoint, stop, running } = await serve(t);
  const socket = connect(endpoint.address.port, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  stop.abort();
  await running;
  await closed;
  await t.throwsAsync(get(`${endpoint.url}/live`));
});
