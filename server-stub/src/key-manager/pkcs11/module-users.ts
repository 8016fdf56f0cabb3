/** Whoever has sessions with a module. */
export interface ModuleUser {
  /** Ends its sessions, so that the module can be begun anew; they are opened again with the next call. */
  letGo(): Promise<void>;
}

/**
 * Who uses which module in this process. A module is one for the whole process: to end and begin it anew, which some need before they
 * see a token that came or came back, ends everybody's sessions.
 */
export class ModuleUsers {
  readonly #users = new Map<string, Set<ModuleUser>>();

  add(modulePath: string, user: ModuleUser): void {
    const users = this.#users.get(modulePath) ?? new Set();
    this.#users.set(modulePath, users.add(user));
  }

  remove(modulePath: string, user: ModuleUser): void {
    this.#users.get(modulePath)?.delete(user);
  }

  /** Everybody but `user`. */
  others(modulePath: string, user: ModuleUser): readonly ModuleUser[] {
    return [...(this.#users.get(modulePath) ?? [])].filter((other) => other !== user);
  }
}
