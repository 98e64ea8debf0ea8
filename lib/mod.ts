/**
 * mcp-auth as a library: sign in to OAuth-protected MCP servers, keep their tokens sealed and fresh, and hand them out.
 * Everything returns a {@linkcode Result} with a stable code.
 *
 * @module
 */
export {
  type AuthenticateOptions,
  type ClientOptions,
  createClient,
  type EntryState,
  McpAuthClient,
  type Status,
  type Tokens,
} from "./interfaces/sdk/mod.ts";
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorJson,
  McpAuthError,
  type McpAuthErrorOptions,
  type Result,
} from "./primitives/errors.ts";
export type { AskPassphrase, KeystoreKind, ServerOptions } from "./services/credentials/mod.ts";
export type { Revocation, SignInEvent } from "./services/signin/mod.ts";
