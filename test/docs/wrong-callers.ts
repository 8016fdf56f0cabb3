/** A caller that has to be refused, what it tried, what it was told, and the test that shows it. */
export interface WrongCaller {
  readonly caller: string;
  readonly tried: string;
  readonly answer: string;
  /** Below `test/`, with the words that stand in its title. */
  readonly test: readonly [file: string, title: string];
}

const API = 'server-stub/api/wrong-callers.test.ts';
const SYNC = 'server-stub/api/bundle-sync.test.ts';
const USERS = 'scenario/wrong-users.test.ts';
const ENDPOINT = 'conformance/endpoint-clauses.ts';

export const WRONG_CALLERS: readonly WrongCaller[] = [
  {
    caller: 'a workload without the security header, or with another value',
    tried: 'every RPC of the Workload API',
    answer: '`INVALID_ARGUMENT`',
    test: [ENDPOINT, 'header'],
  },
  {
    caller: 'a user for whom the policy has no identity',
    tried: 'FetchX509SVID',
    answer: '`PERMISSION_DENIED`, the attribute that is missing',
    test: [USERS, 'gets no identity, and no ID with a hole'],
  },
  {
    caller: 'an agent with a foreign cluster key, or of an unknown cluster',
    tried: 'Login',
    answer: '`UNAUTHENTICATED`, the same words for all of them',
    test: [API, 'a foreign cluster key, another cluster and an unknown cluster are told the same'],
  },
  {
    caller: 'somebody who overheard a login',
    tried: 'the same proof on a stream of its own',
    answer: '`UNAUTHENTICATED`',
    test: [API, 'a login that was overheard is of no use on another stream'],
  },
  {
    caller: 'a caller without a session certificate',
    tried: 'every method but Login',
    answer: '`UNAUTHENTICATED`',
    test: [API, 'a caller without a certificate can do nothing but log in'],
  },
  {
    caller: 'a workload with its X.509-SVID',
    tried: 'to act as an agent',
    answer: '`UNAUTHENTICATED`, not from the session CA',
    test: [API, "a workload's SVID is no agent"],
  },
  {
    caller: "a certificate of another CA that carries an agent's name",
    tried: 'to act as that agent',
    answer: '`UNAUTHENTICATED`, not from the session CA',
    test: [API, "a foreign CA's certificate with an agent's name is no agent"],
  },
  {
    caller: 'an agent whose session has expired, also on a connection that was open before',
    tried: 'every method',
    answer: '`UNAUTHENTICATED`',
    test: [API, 'a session that expires on an open connection is refused from then on'],
  },
  {
    caller: 'an evicted agent',
    tried: 'its open bundle stream',
    answer: 'ended with `UNAUTHENTICATED`',
    test: [SYNC, 'an eviction ends the open stream with its reason'],
  },
  {
    caller: 'an agent that claims `cluster.*` or `node_group.*` attributes',
    tried: "to get another cluster's identity",
    answer: '`INVALID_ARGUMENT` for that item',
    test: [API, 'an agent of one cluster is issued for with that cluster, whatever it says'],
  },
  {
    caller: 'an agent with its session certificate',
    tried: 'methods of the admin API, on the endpoint of agents',
    answer: '`UNIMPLEMENTED`: the admin API is on the admin socket only',
    test: [API, 'a session certificate opens nothing of the admin API'],
  },
  {
    caller: 'an operator whose template lies under `/spirl/`',
    tried: '`spirlctl config set`',
    answer: 'refused, with the pointer to the template',
    test: [USERS, 'a policy whose template lies under /spirl/ is refused with its place'],
  },
  {
    caller: 'another user of the machine',
    tried: 'to connect to the admin socket',
    answer: 'refused by its mode (0600)',
    test: [USERS, 'another user cannot open the admin socket'],
  },
  {
    caller: 'another user that reached the admin socket all the same',
    tried: 'every admin method',
    answer: '`PERMISSION_DENIED`, the uid named',
    test: [USERS, 'is refused by the kernel’s word'],
  },
];
