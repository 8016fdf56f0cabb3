/** First in, first out; `shift` of an empty one is a mistake of the caller. */
export class Ring<T> {
  #values: (T | undefined)[] = new Array<T | undefined>(16).fill(undefined);
  #head = 0;
  size = 0;

  push(value: T): void {
    if (this.size === this.#values.length) this.#grow();
    this.#values[(this.#head + this.size) % this.#values.length] = value;
    this.size++;
  }

  shift(): T {
    const value = this.#values[this.#head];
    if (this.size === 0 || value === undefined) throw new Error('nothing is left');
    this.#values[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#values.length;
    this.size--;
    return value;
  }

  clear(): void {
    this.#values.fill(undefined);
    this.#head = 0;
    this.size = 0;
  }

  #grow(): void {
    const { length } = this.#values;
    this.#values = [...this.#values.slice(this.#head), ...this.#values.slice(0, this.#head)];
    this.#values.length = length * 2;
    this.#values.fill(undefined, length);
    this.#head = 0;
  }
}
