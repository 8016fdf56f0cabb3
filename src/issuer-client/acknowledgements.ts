/** What is written on the bundle stream to acknowledge. */
export interface Acknowledgement {
  /** Of the stream. */
  readonly acknowledgedVersion: number;
  readonly svidsPerKeyset: Readonly<Record<string, number>>;
}

/**
 * Translates what has been pushed on this node (versions of this process) into versions of the present stream: each stream
 * counts its messages anew, and one local version can stand for several messages with the same content.
 */
export class Acknowledgements {
  /** In the order received. */
  #received: { readonly streamVersion: number; readonly localVersion: number }[] = [];
  #pushed = 0;
  #svidsPerKeyset: Readonly<Record<string, number>> = {};
  #due = false;

  /** A new stream knows nothing of the messages of the last one. */
  streamOpened(): void {
    this.#received = [];
    this.#due = false;
  }

  received(streamVersion: number, localVersion: number): void {
    this.#received.push({ streamVersion, localVersion });
    if (localVersion <= this.#pushed) this.#due = true;
  }

  /** Everything up to `localVersion` has reached the workloads. */
  pushed(localVersion: number, svidsPerKeyset: Readonly<Record<string, number>>): void {
    this.#pushed = Math.max(this.#pushed, localVersion);
    this.#svidsPerKeyset = svidsPerKeyset;
    this.#due = true;
  }

  /** What is to be sent now, if anything; the newest wins. */
  take(): Acknowledgement | undefined {
    const covered = this.#received.filter(({ localVersion }) => localVersion <= this.#pushed).at(-1);
    if (!this.#due || covered === undefined) return undefined;
    this.#due = false;
    // The covered one is kept, so that later counts can be sent with it.
    this.#received = this.#received.filter(({ streamVersion }) => streamVersion >= covered.streamVersion);
    return { acknowledgedVersion: covered.streamVersion, svidsPerKeyset: this.#svidsPerKeyset };
  }
}
