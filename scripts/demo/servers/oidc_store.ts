/**
 * The storage of the demo authorization server: a map per server, so that servers in one process share nothing, and
 * so that a test can make a server lose its registrations or its grants as real ones do.
 *
 * @module
 */

import type { Json } from "./oidc_types.ts";

/** Everything one server has stored. */
export class OidcStore {
  readonly #records = new Map<string, { payload: Json; expiresAt: number }>();

  /**
   * Makes the adapter `oidc-provider` asks for.
   *
   * @param model what is stored: `"Client"`, `"RefreshToken"`, ...
   * @returns an object with the methods of its adapter contract
   */
  adapter(model: string): Json {
    return {
      upsert: (id: string, payload: Json, expiresIn?: number) => {
        const expiresAt = expiresIn === undefined ? Infinity : Date.now() + expiresIn * 1000;
        this.#records.set(`${model}:${id}`, { payload, expiresAt });
        return Promise.resolve();
      },
      find: (id: string) => Promise.resolve(this.#read(`${model}:${id}`)),
      findByUid: (uid: string) => Promise.resolve(this.#search(model, "uid", uid)),
      findByUserCode: (userCode: string) => Promise.resolve(this.#search(model, "userCode", userCode)),
      consume: (id: string) => {
        const payload = this.#read(`${model}:${id}`);
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
        return Promise.resolve();
      },
      destroy: (id: string) => Promise.resolve(void this.#records.delete(`${model}:${id}`)),
      revokeByGrantId: (grantId: string) => {
        for (const [key, { payload }] of this.#of(model)) {
          if (payload.grantId === grantId) this.#records.delete(key);
        }
        return Promise.resolve();
      },
    };
  }

  /**
   * Deletes every record of some models.
   *
   * @param models the models to forget
   */
  forget(...models: string[]): void {
    for (const model of models) for (const [key] of this.#of(model)) this.#records.delete(key);
  }

  #read(key: string): Json | undefined {
    const found = this.#records.get(key);
    return found !== undefined && found.expiresAt > Date.now() ? found.payload : undefined;
  }

  #search(model: string, field: string, value: string): Json | undefined {
    return this.#of(model).find(([, { payload }]) => payload[field] === value)?.[1].payload;
  }

  #of(model: string) {
    return [...this.#records].filter(([key]) => key.startsWith(`${model}:`));
  }
}
