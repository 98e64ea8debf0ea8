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
  type ProviderDefinition,
  Providers,
  type RegisterClientOptions,
  type RegisteredClient,
  type SignInWay,
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
export type {
  AskPassphrase,
  AssertionSource,
  CallbackHost,
  GivenServer,
  Grant,
  IdentityProvider,
  KeystoreKind,
  ProviderRecord,
  ServerOptions,
  Site,
} from "./services/credentials/mod.ts";
export type { QuirkName } from "./primitives/oauth/quirks/table.ts";
export type {
  Check,
  CheckGroup,
  CheckStatus,
  CheckStep,
  Diagnosis,
  Finding,
  Plan,
} from "./services/diagnosis/mod.ts";
export type {
  ClientDeletion,
  Paste,
  PasteRefusal,
  PasteWish,
  Revocation,
  SignInEvent,
} from "./services/signin/mod.ts";
export type { ApiSide, McpSide, ProviderParameter, ProviderTemplate } from "./services/providers/mod.ts";
