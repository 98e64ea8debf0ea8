/**
 * What is known of providers beforehand, and how it is applied to an entry.
 *
 * @module
 */
export {
  apiUrlOf,
  type AppliedProvider,
  applyProvider,
  type ProvidedEntry,
  providerOf,
  quirksOf,
} from "./applied.ts";
export { clientFromEnvironment, clientVariables } from "./client.ts";
export { checkProviderName, checkQuirk } from "./definition.ts";
export { BUILT_IN, ProviderRegistry } from "./registry.ts";
export {
  type ApiSide,
  type McpSide,
  NO_PROVIDER,
  parseProviderParameter,
  type ProviderParameter,
  type ProviderTemplate,
} from "./template.ts";
