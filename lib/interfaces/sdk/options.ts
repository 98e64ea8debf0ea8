/**
 * What callers of the library choose.
 *
 * @module
 */
import type { AskPassphrase, KeystoreKind, ServerOptions, Site } from "../../services/credentials/mod.ts";
import type { Paste, SignInEvent } from "../../services/signin/mod.ts";
import type { SignInWay } from "../composition/sign_in_way.ts";

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
  /**
   * URL of the program's own client ID metadata document, for servers that support those; it is fetched and judged once
   * before it is used, and done without where it is not sound. That of mcp-auth when this and `clientName` are left out.
   */
  readonly clientMetadataUrl?: string;
  /** Opens the sign-in page; the machine's browser when left out. Where it fails, the sign-in does. */
  readonly openBrowser?: (url: string) => Promise<void>;
  /** Told what happens during a sign-in. */
  readonly onEvent?: (event: SignInEvent) => void;
}

/** What `McpAuthClient.authenticate` takes. */
export interface AuthenticateOptions {
  /**
   * URL of the MCP server; the entry's own where there is one. A new entry needs it, unless it is for the API of a
   * provider.
   */
  readonly url?: string;
  /** Provider whose known ways a new entry follows; without a URL, the entry is for its API. */
  readonly provider?: string;
  /** Site of the account, by its id, name or URL, where the provider has several. */
  readonly site?: string;
  /** Chooses one of several sites, where none is named. */
  readonly chooseSite?: (sites: readonly Site[]) => Promise<Site>;
  /** Options of a new entry. */
  readonly options?: ServerOptions;
  /** Secret of the client in `options.clientId`. */
  readonly clientSecret?: string;
  /** Private key of that client, as PKCS #8 in PEM or as a JWK, in place of a secret (RFC 7523). */
  readonly privateKey?: string;
  /** JWS algorithm to sign with; the one that fits the key and the server when left out. */
  readonly signingAlgorithm?: string;
  /** Key id (`kid`) that the server knows the key by; that of the JWK when left out. */
  readonly keyId?: string;
  /**
   * An access token given by hand, in place of a sign-in: it is stored as it is, and nothing renews it. Who issued it is
   * not known: `Tokens.issuer` is the server's origin then.
   */
  readonly accessToken?: string;
  /** Seconds until that token expires; used until the server refuses it when left out. */
  readonly expiresInS?: number;
  /** Register a client anew, though one is stored that was registered before. */
  readonly reRegister?: boolean;
  /**
   * The way to sign in: through the browser when left out; `url` only tells the address by `onEvent`, `device` tells a
   * code, and `auto` chooses by where the program runs, unless `openBrowser` can open the page anyway.
   */
  readonly way?: SignInWay;
  /**
   * Hands in the address that the browser ended at, or its query, where the browser does not reach this machine. It is
   * asked when the page is told, and again after an address that was refused (event `paste-refused`); whatever comes
   * first counts, this or the browser's answer, and the signal says so.
   */
  readonly redirectedUrl?: Paste;
  /** Seconds to wait for the person. */
  readonly timeoutS?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}
