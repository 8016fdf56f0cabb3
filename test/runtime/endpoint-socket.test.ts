import test from 'ava';
import { endpointUri, grpcTarget, parseEndpointSocket } from '../../src/runtime/endpoint-socket.js';

const accepted = [
  { text: 'unix:///run/agent.sock', uri: 'unix:///run/agent.sock', target: 'unix:/run/agent.sock' },
  { text: 'unix:/run/agent.sock', uri: 'unix:///run/agent.sock', target: 'unix:/run/agent.sock' },
  { text: 'UNIX:/run/agent.sock', uri: 'unix:///run/agent.sock', target: 'unix:/run/agent.sock' },
  { text: 'unix:///run/a%20b.sock', uri: 'unix:///run/a%20b.sock', target: 'unix:/run/a b.sock' },
  { text: 'unix:////run/agent.sock', uri: 'unix:////run/agent.sock', target: 'unix:/run/agent.sock' },
  { text: 'tcp://127.0.0.1:8000', uri: 'tcp://127.0.0.1:8000', target: 'ipv4:127.0.0.1:8000' },
  { text: 'tcp://[::1]:8000', uri: 'tcp://[::1]:8000', target: 'ipv6:[::1]:8000' },
];
for (const { text, uri, target } of accepted) {
  test(`EP-13 accepts ${text}`, (t) => {
    const endpoint = parseEndpointSocket(text);
    t.is(endpointUri(endpoint), uri);
    t.is(grpcTarget(endpoint), target);
  });
}

const refused = [
  { text: '', reason: 'the scheme must be unix or tcp' },
  { text: '/run/agent.sock', reason: 'the scheme must be unix or tcp' },
  { text: 'http:///run/agent.sock', reason: 'the scheme must be unix or tcp' },
  { text: 'unix:', reason: 'the path must be absolute' },
  { text: 'unix://', reason: 'the path must be absolute' },
  { text: 'unix:run/agent.sock', reason: 'the path must be absolute' },
  { text: 'unix:///', reason: 'the path names a directory' },
  { text: 'unix://host/agent.sock', reason: 'unix takes no host' },
  { text: 'unix://user@/agent.sock', reason: 'unix takes no host' },
  { text: 'unix:///agent.sock?x=1', reason: 'a query is not allowed' },
  { text: 'unix:///agent.sock?', reason: 'a query is not allowed' },
  { text: 'unix:///agent.sock#x', reason: 'a fragment is not allowed' },
  { text: 'unix:///agent sock', reason: 'not a URI' },
  { text: 'unix:///agent%2', reason: 'not a URI' },
  { text: 'unix:///agent%ff', reason: 'not percent-encoded UTF-8' },
  { text: 'unix:///agent%00', reason: 'zero byte' },
  { text: 'tcp:127.0.0.1:8000', reason: 'tcp takes no path' },
  { text: 'tcp://127.0.0.1:8000/foo', reason: 'tcp takes no path' },
  { text: 'tcp://127.0.0.1:8000/', reason: 'tcp takes no path' },
  { text: 'tcp://127.0.0.1', reason: 'an IP address and a port' },
  { text: 'tcp://127.0.0.1:0', reason: 'an IP address and a port' },
  { text: 'tcp://127.0.0.1:65536', reason: 'an IP address and a port' },
  { text: 'tcp://localhost:8000', reason: 'not a name' },
  { text: 'tcp://[127.0.0.1]:8000', reason: 'not a name' },
  { text: 'tcp://user@127.0.0.1:8000', reason: 'user information' },
  { text: 'tcp://127.0.0.1:8000?x', reason: 'a query is not allowed' },
];
for (const { text, reason } of refused) {
  test(`EP-13 refuses ${JSON.stringify(text)}: ${reason}`, (t) => {
    const error = t.throws(() => parseEndpointSocket(text), { code: 'INVALID_REQUEST' });
    t.true(error.message.includes(reason), error.message);
  });
}
