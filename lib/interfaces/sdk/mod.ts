/**
 * What the library offers.
 *
 * @module
 */
export type { EntryState } from "../composition/entry_state.ts";
export type { SignInWay } from "../composition/sign_in_way.ts";
export { createClient, McpAuthClient } from "./client.ts";
export type { RegisterClientOptions, RegisteredClient } from "./clients.ts";
export type { AuthenticateOptions, ClientOptions } from "./options.ts";
export { type ProviderDefinition, Providers } from "./providers.ts";
export type { Status, Tokens } from "./views.ts";
