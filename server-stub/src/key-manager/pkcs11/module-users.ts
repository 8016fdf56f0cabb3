/**
 * Who uses which module in this process. A module is one for the whole process: only its only user may end and begin it anew,
 * which some need before they see a token that came back.
 */
export class ModuleUsers {
  readonly #users = new Map<string, Set<object>>();

  add(modulePath: string, user: object): void {
    const users = this.#users.get(modulePath) ?? new Set();
    this.#users.set(modulePath, users.add(user));
  }

  remove(modulePath: string, user: object): void {
    this.#users.get(modulePath)?.delete(user);
  }

  /** Whether nobody but `user` uses it. */
  isAlone(modulePath: string, user: object): boolean {
    const users = this.#users.get(modulePath);
    return users?.size === 1 && users.has(user);
  }
}
