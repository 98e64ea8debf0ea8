/**
 * Signing in and out: discovery, registration, the browser, the exchange, revocation.
 *
 * @module
 */
export {
  CALLBACK_PATH,
  type CallbackPlace,
  callbackPlace,
  type CallbackWishes,
  type ListenPlace,
  redirectShape,
  registeredPorts,
} from "./callback_place.ts";
export { givenMetadata } from "./authorization_server.ts";
export { type CallbackServer, openCallbackServer } from "./callback_server.ts";
export { type AskClient, type GivenClient, LOOPBACK_SHAPE, type SetUpPage } from "./client.ts";
export { fetchDocument, type HostedDocument, OwnDocument } from "./client_document.ts";
export type { RegistrationAdvice } from "./client_guidance.ts";
export { registerByHand, type RegisteredClient, type RegistrationWish } from "./client_registration.ts";
export {
  type ClientDeletion,
  deleteClient,
  findClient,
  isUrl,
  type KnownClient,
  listClients,
  readClient,
} from "./client_registry.ts";
export { givenCredential, type GivenToken, readToken, storeGivenToken } from "./given_token.ts";
export {
  chooseIssuer,
  describeSteps,
  discover,
  type Discovery,
  type DiscoveryOptions,
  type DiscoveryStep,
  findResourceDocument,
  findServerDocument,
  noOAuth,
  noServerMetadata,
} from "./discovery.ts";
export type { FoundDocument } from "./metadata_search.ts";
export type { Paste, PasteRefusal, PasteWish } from "./pasted_response.ts";
export {
  type DeviceChoice,
  signIn,
  type SignInEvent,
  type SignInOutcome,
  type SignInPorts,
  type SignInRequest,
} from "./sign_in.ts";
export { firstHopOnly, Redirected } from "./preflight.ts";
export { checkDpopAlgorithm } from "./proof_of_possession.ts";
export {
  type ClientRemoval,
  type Revocation,
  signOut,
  type SignOutOptions,
  type SignOutReport,
} from "./sign_out.ts";
export { signInAndStore, type StoredSignInOptions, type StoredSignInRequest } from "./stored_sign_in.ts";
export { probeChallenge, type ProbeOptions, probeServer } from "./probe.ts";
export { allowingFor, knownQuirks, type ProviderKnowledge } from "./quirks.ts";
export { type AskSite, chooseSite } from "./site.ts";
