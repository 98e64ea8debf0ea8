/**
 * What callers of the library choose.
 *
 * @module
 */
import type { AskPassphrase, KeystoreKind, ServerOptions } from "../../services/credentials/mod.ts";
import type { SignInEvent } from "../../services/signin/mod.ts";

/** What `createClient` takes; all of it is optional. */
export interface ClientOptions {
  /** Folder of the store; `MCP_AUTH_HOME` or the system's data folder when left out. */
  readonly home?: string;
  /** URL of a remote store that speaks KV Connect; `MCP_AUTH_STORE`, else a store on this machine, when left out. */
  readonly store?: string;
  /** Keystore of the store; chosen as on the command line when left out. */
  readonly keystore?: KeystoreKind;
  /** Asks a person for the passphrase that seals the store; without it `MCP_AUTH_PASSPHRASE` has to be set. */
  readonly askPassphrase?: AskPassphrase;
  /** Gets a line for the user where a new store is sealed with a key in a file, because no keychain answers. */
  readonly onNotice?: (line: string) => void;
  /** Name of this program, shown to users by servers that register it. */
  readonly clientName?: string;
  /** Opens the sign-in page; the machine's browser when left out. Where it fails, the sign-in does. */
  readonly openBrowser?: (url: string) => Promise<void>;
  /** Told what happens during a sign-in. */
  readonly onEvent?: (event: SignInEvent) => void;
}

/** What `McpAuthClient.authenticate` takes. */
export interface AuthenticateOptions {
  /** URL of the MCP server; needed for a name that has no entry yet, and the entry's own where it has. */
  readonly url?: string;
  /** Options of a new entry. */
  readonly options?: ServerOptions;
  /** Secret of the client in `options.clientId`. */
  readonly clientSecret?: string;
  /** Register a client anew, though one is stored that was registered before. */
  readonly reRegister?: boolean;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}
