/**
 * What is known of providers, for programs: the same as `mcp-auth provider`.
 *
 * @module
 */
import { type Result, toResult } from "../../primitives/errors.ts";
import type { ProviderRecord } from "../../services/credentials/mod.ts";
import type { ProviderTemplate } from "../../services/providers/mod.ts";
import type { Services } from "../composition/services.ts";

/** A provider as a program defines it; see `mcp-auth provider add --help`. */
export type ProviderDefinition = Omit<ProviderRecord, "createdAt">;

/** The providers that come with the program, and those that were defined. */
export class Providers {
  readonly #services: Services;

  /**
   * Makes the view of a store; `McpAuthClient.providers` is what callers use.
   *
   * @param services The services over the store.
   */
  constructor(services: Services) {
    this.#services = services;
  }

  /** All providers, ordered by name. */
  list(): Promise<Result<readonly ProviderTemplate[]>> {
    return toResult(
      "STORE_UNAVAILABLE",
      "list providers",
      async () => await (await this.#services.providers()).all(),
    );
  }

  /** What is known of one provider. */
  get(name: string): Promise<Result<ProviderTemplate>> {
    return toResult(
      "STORE_UNAVAILABLE",
      "read the provider",
      async () => await (await this.#services.providers()).named(name),
    );
  }

  /**
   * Defines a provider, also in place of one that comes with the program.
   *
   * @param definition What is known of it.
   * @param options.replace Whether one that was defined before is replaced.
   */
  define(
    definition: ProviderDefinition,
    options: { readonly replace?: boolean } = {},
  ): Promise<Result<ProviderTemplate>> {
    return toResult("CONFIG_INVALID", "define the provider", async () => {
      const record = { ...definition, createdAt: this.#services.ports.clock.now() };
      return await (await this.#services.providers()).define(record, options);
    });
  }

  /** Forgets a provider that was defined; one of that name that comes with the program is back then. */
  remove(name: string): Promise<Result<void>> {
    return toResult(
      "CONFIG_INVALID",
      "remove the provider",
      async () => await (await this.#services.providers()).remove(name),
    );
  }
}
