import { lookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

type Answer = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void;

/** Asks for every address of a name, as `dns.lookup` does. */
export type Resolve = (host: string, answer: Answer) => void;

const resolveAll: Resolve = (host, answer) => lookup(host, { all: true }, answer);

/**
 * Where the server is. Of a name with several addresses those that take no connection are passed over by Node; one that takes it and then
 * says nothing, as a stopped process does, would be tried first for ever: after a failure the next address comes first.
 */
export class ServerAddress {
  /** `host:port` */
  readonly text: string;
  readonly host: string;
  readonly port: number;
  readonly #resolve: Resolve;
  #failures = 0;
  #waiting: Answer[] | undefined;

  /** `text`: `host:port`, an IPv6 address in brackets. */
  constructor(text: string, resolve = resolveAll) {
    const end = text.lastIndexOf(':');
    this.text = text;
    this.host = text.slice(0, end).replace(/^\[|\]$/g, '');
    this.port = Number(text.slice(end + 1));
    this.#resolve = resolve;
  }

  /** The attempt to connect came to nothing. */
  failed(): void {
    this.#failures++;
  }

  /** For `tls.connect`. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.#addresses(host, (error, found) => {
      const first = found.length === 0 ? 0 : this.#failures % found.length;
      const addresses = [...found.slice(first), ...found.slice(0, first)];
      const [one] = addresses;
      if (options.all === true) callback(error, addresses);
      else callback(error, one?.address ?? '', one?.family);
    });
  };

  /** One question at a time: each occupies a thread until the resolver's own patience ends, and there are four. */
  #addresses(host: string, answer: Answer): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(answer);
      return;
    }
    const waiting = [answer];
    this.#waiting = waiting;
    this.#resolve(host, (error, addresses) => {
      this.#waiting = undefined;
      for (const one of waiting) one(error, error === null ? addresses : []);
    });
  }
}
