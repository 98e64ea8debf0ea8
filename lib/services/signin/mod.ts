/**
 * Signing in and out: discovery, registration, the browser, the exchange, revocation.
 *
 * @module
 */
export { CALLBACK_PATH, type CallbackServer, openCallbackServer } from "./callback_server.ts";
export { type AskClient, type GivenClient, LOOPBACK_SHAPE } from "./client.ts";
export {
  describeSteps,
  discover,
  type Discovery,
  type DiscoveryOptions,
  type DiscoveryStep,
} from "./discovery.ts";
export {
  signIn,
  type SignInEvent,
  type SignInOutcome,
  type SignInPorts,
  type SignInRequest,
} from "./sign_in.ts";
export { firstHopOnly, Redirected } from "./preflight.ts";
export {
  type ClientRemoval,
  type Revocation,
  signOut,
  type SignOutOptions,
  type SignOutReport,
} from "./sign_out.ts";
export { signInAndStore, type StoredSignInOptions, type StoredSignInRequest } from "./stored_sign_in.ts";
export { probeChallenge } from "./probe.ts";
