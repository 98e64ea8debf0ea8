/**
 * What the library offers.
 *
 * @module
 */
export type { EntryState } from "../composition/entry_state.ts";
export { createClient, McpAuthClient } from "./client.ts";
export type { AuthenticateOptions, ClientOptions } from "./options.ts";
export type { Status, Tokens } from "./views.ts";
