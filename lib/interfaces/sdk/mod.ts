/**
 * What the library offers.
 *
 * @module
 */
export {
  type AuthenticateOptions,
  type ClientOptions,
  createClient,
  McpAuthClient,
  type Status,
  type Tokens,
} from "./client.ts";
