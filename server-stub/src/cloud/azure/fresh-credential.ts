import type { AccessToken, GetTokenOptions, TokenCredential } from '@azure/identity';

/**
 * The credential that `make` makes, made anew after each failure. The library beneath remembers an answer 429 or 5xx of Entra ID for a
 * minute (with Retry-After for up to an hour) and meanwhile fails without asking; here whoever asks paces itself.
 */
export class FreshCredential implements TokenCredential {
  readonly #make: () => TokenCredential;
  #present: TokenCredential | undefined;

  constructor(make: () => TokenCredential) {
    this.#make = make;
  }

  async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken | null> {
    const credential = (this.#present ??= this.#make());
    try {
      return await credential.getToken(scopes, options);
    } catch (error) {
      // Another caller may have begun anew meanwhile.
      if (this.#present === credential) this.#present = undefined;
      throw error;
    }
  }
}
