import { canClose, type KeyManager } from '../domain/key-manager.js';

/** A key manager that is open, closed when it is not wanted any more and the last call under way has ended. */
export class OpenKeyManager {
  readonly manager: KeyManager;
  #underWay = 0;
  #unwanted = false;
  #idle: (() => void) | undefined;

  constructor(manager: KeyManager) {
    this.manager = manager;
  }

  get idle(): boolean {
    return this.#underWay === 0;
  }

  async run<T>(work: (manager: KeyManager) => Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await work(this.manager);
    } finally {
      this.#underWay--;
      if (this.#underWay === 0) this.#idle?.();
    }
  }

  /** Ends its sessions as soon as nobody uses them; a second time nothing happens. */
  async close(): Promise<void> {
    if (this.#unwanted || !canClose(this.manager)) return;
    this.#unwanted = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.manager.close();
  }
}
