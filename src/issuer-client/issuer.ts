import { X509Certificate } from 'node:crypto';
import type { Attributes } from '../domain/attributes.js';
import { SpiffeId } from '../domain/spiffe-id.js';
import type { JwtSvid, X509Svid } from '../domain/svid.js';
import { createKeyAndRequest, type KeyAndRequest } from '../runtime/certificate-request.js';
import type { Clock } from '../runtime/clock.js';
import { withDeadline } from '../runtime/deadline.js';
import { hasCode, SpirlError } from '../runtime/errors.js';
import type { status } from '../runtime/grpc-code.js';
import { GRPC_STATUS, statusName } from '../runtime/grpc-status.js';
import { CALL_MS, FIRST_ISSUES, ITEM_MS, JWTS, RENEWALS } from './call-limits.js';
import { itemError, jwtSvidOf, wireAttributes, x509SvidOf } from './messages.js';
import { MicroBatch } from './micro-batch.js';
import { rpcError, type UnaryCalls } from './rpc.js';
import { MintJwtSvids, MintX509Svids, ResolveIdentities, type ServerMethod } from './server-methods.js';
import type { WireResolveResult, WireX509Result } from './wire-messages.js';

/** Characters of an item's attributes; the server refuses more, and one such item must not spoil a whole message. */
const MAX_ATTRIBUTES = 65_536;

const RESOLVE_ITEMS = 500;

/** Told of each SVID asked for, batched or not. `code`: Go's name of a gRPC code. */
export interface MintMetrics {
  minted(type: 'x509' | 'jwt', code: string, seconds: number): void;
}

/** A way to the server. */
export interface ApiConnection {
  use<T>(work: (connection: UnaryCalls) => Promise<T>): Promise<T>;
}

/** What is needed of the session. */
export interface Sessions {
  /** Throws UNAVAILABLE when there is none and the last attempt has failed. */
  connection(signal: AbortSignal): Promise<ApiConnection>;
  /** The server did not accept the session of `connection`. */
  refused(connection: ApiConnection, reason: string): void;
}

export interface IssuerOptions {
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly metrics: MintMetrics;
  /** `agent`: workload keys are made here and never leave the node. */
  readonly keySource: 'server' | 'agent';
}

/** A method whose answer holds a result per item. */
type BatchMethod<Req extends object, Result> = ServerMethod<Req, { readonly results: readonly Result[] }>;

interface X509Item {
  readonly attributes: Attributes;
  readonly renewal: boolean;
}

interface KeyedItem extends X509Item {
  readonly key: KeyAndRequest | undefined;
}

interface JwtItem {
  readonly attributes: Attributes;
  readonly audience: readonly string[];
}

/** What the server decides for an attribute set today. */
export interface ResolvedIdentity {
  readonly spiffeId: SpiffeId;
  readonly outcome: string;
}

/** Asks the trust-domain server for SVIDs: gathered into few messages, bounded in time and number. */
export class Issuer {
  readonly #options: IssuerOptions;
  readonly #first: MicroBatch<KeyedItem, X509Svid>;
  readonly #renewals: MicroBatch<KeyedItem, X509Svid>;
  readonly #jwts: MicroBatch<JwtItem, JwtSvid>;

  constructor(options: IssuerOptions) {
    this.#options = options;
    this.#first = new MicroBatch((items) => this.#sendX509(items), FIRST_ISSUES);
    this.#renewals = new MicroBatch((items) => this.#sendX509(items), RENEWALS);
    this.#jwts = new MicroBatch((items) => this.#sendJwt(items), JWTS);
  }

  /** In the order of the items; NO_IDENTITY_ISSUED only when the server says so of that very item. */
  async mint(items: readonly X509Item[], signal: AbortSignal): Promise<readonly (X509Svid | SpirlError)[]> {
    return Promise.all(items.map((item) => this.#mintOne(item, signal).catch(asExpected)));
  }

  /** Throws NO_IDENTITY_ISSUED, INVALID_REQUEST, LIMIT_REACHED, CANNOT_ISSUE, UNAVAILABLE, DEADLINE_EXCEEDED. */
  mintJwt(item: JwtItem, signal: AbortSignal): Promise<JwtSvid> {
    return this.#measured('jwt', signal, (ended) => this.#jwts.add(checked(item), ended));
  }

  /** What each attribute set would get today; nothing is signed. */
  async resolve(
    items: readonly Attributes[],
    signal: AbortSignal,
  ): Promise<readonly (ResolvedIdentity | SpirlError)[]> {
    const resolved: (ResolvedIdentity | SpirlError)[] = [];
    for (let from = 0; from < items.length; from += RESOLVE_ITEMS) {
      const part = items.slice(from, from + RESOLVE_ITEMS);
      const request = { items: part.map((attributes) => ({ attributes: wireAttributes(attributes) })) };
      const results = await this.#call(ResolveIdentities, request, signal);
      part.forEach((_, index) => resolved.push(resultOf(results[index], resolvedOf)));
    }
    return resolved;
  }

  #mintOne(item: X509Item, signal: AbortSignal): Promise<X509Svid> {
    return this.#measured('x509', signal, async (ended) => {
      checked(item);
      const key = this.#options.keySource === 'agent' ? await createKeyAndRequest() : undefined;
      return (item.renewal ? this.#renewals : this.#first).add({ ...item, key }, ended);
    });
  }

  async #sendX509(items: readonly KeyedItem[]): Promise<readonly (X509Svid | SpirlError)[]> {
    const request = {
      items: items.map(({ attributes, renewal, key }) => ({
        attributes: wireAttributes(attributes),
        renewal,
        csr: key?.csr ?? Buffer.alloc(0),
      })),
    };
    const results = await this.#call(MintX509Svids, request, NEVER);
    return items.map(({ key }, index) => resultOf(results[index], (wire) => svidOf(wire, key)));
  }

  async #sendJwt(items: readonly JwtItem[]): Promise<readonly (JwtSvid | SpirlError)[]> {
    const request = {
      items: items.map(({ attributes, audience }) => ({ attributes: wireAttributes(attributes), audience })),
    };
    const results = await this.#call(MintJwtSvids, request, NEVER);
    return items.map((_, index) => resultOf(results[index], jwtSvidOf));
  }

  /** One message. A session that turns out to be refused is replaced once, so that its end is not felt by workloads. */
  async #call<Req extends object, Result>(
    method: BatchMethod<Req, Result>,
    request: Req,
    signal: AbortSignal,
  ): Promise<readonly Result[]> {
    const late = 'the trust-domain server did not answer in time';
    const work = async (ended: AbortSignal): Promise<readonly Result[]> => {
      const first = await this.#attempt(method, request, ended);
      if (!(first instanceof SpirlError)) return first;
      const second = await this.#attempt(method, request, ended);
      if (!(second instanceof SpirlError)) return second;
      throw new SpirlError('UNAVAILABLE', 'the trust-domain server refuses this agent', { cause: second });
    };
    return withDeadline(work, CALL_MS, late, this.#options.clock, signal);
  }

  /** Results, or the refusal of the session. */
  async #attempt<Req extends object, Result>(
    method: BatchMethod<Req, Result>,
    request: Req,
    signal: AbortSignal,
  ): Promise<readonly Result[] | SpirlError> {
    const { sessions } = this.#options;
    const connection = await sessions.connection(signal);
    try {
      return (await connection.use((calls) => calls.unary(method, request, signal))).results;
    } catch (error) {
      if (!hasCode(error, 'UNAUTHENTICATED')) throw error;
      sessions.refused(connection, error.message);
      return error;
    }
  }

  async #measured<T>(type: 'x509' | 'jwt', signal: AbortSignal, work: (ended: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, metrics } = this.#options;
    const startedAt = clock.monotonic();
    const seconds = (): number => (clock.monotonic() - startedAt) / 1000;
    try {
      const result = await withDeadline(work, ITEM_MS, 'the trust-domain server is too busy', clock, signal);
      metrics.minted(type, 'OK', seconds());
      return result;
    } catch (error) {
      metrics.minted(type, codeName(error, signal), seconds());
      throw error;
    }
  }
}

/** A message serves many callers: it ends by its deadline, not because one of them leaves. */
const NEVER = new AbortController().signal;

function checked<T extends { readonly attributes: Attributes }>(item: T): T {
  const size = Object.entries(item.attributes)
    .flatMap(([name, values]) => [name, ...values])
    .reduce((sum, text) => sum + text.length, 0);
  if (size <= MAX_ATTRIBUTES) return item;
  throw new SpirlError('INVALID_REQUEST', `the workload's attributes have more than ${MAX_ATTRIBUTES} characters`);
}

function resultOf<Wire extends { readonly status: Parameters<typeof itemError>[0] }, Result>(
  wire: Wire | undefined,
  read: (wire: Wire) => Result,
): Result | SpirlError {
  if (wire === undefined) return new SpirlError('UNAVAILABLE', 'the trust-domain server left an item out');
  const failure = itemError(wire.status);
  if (failure !== undefined) return failure;
  try {
    return read(wire);
  } catch (error) {
    return rpcError(error);
  }
}

function resolvedOf(wire: WireResolveResult): ResolvedIdentity {
  return { spiffeId: SpiffeId.parse(wire.spiffeId), outcome: wire.outcome };
}

/** A certificate for another key than the one made here would break every handshake of the workload. */
function svidOf(wire: WireX509Result, key: KeyAndRequest | undefined): X509Svid {
  const svid = x509SvidOf(wire, key?.privateKey);
  const [leaf] = svid.chain;
  if (key === undefined || leaf === undefined) return svid;
  const spki = new X509Certificate(leaf).publicKey.export({ format: 'der', type: 'spki' });
  if (spki.equals(key.publicKeySpki)) return svid;
  throw new SpirlError('UNAVAILABLE', 'the trust-domain server certified another key than the one asked for');
}

function asExpected(error: unknown): SpirlError {
  if (error instanceof SpirlError) return error;
  throw error;
}

function codeName(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'Canceled';
  const code: status | undefined = error instanceof SpirlError ? GRPC_STATUS[error.code] : undefined;
  return code === undefined ? 'Internal' : statusName(code);
}
