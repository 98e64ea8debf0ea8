/**
 * What the services are made with, and how they are asked to sign in.
 *
 * @module
 */
import type { AskPassphrase, CredentialRecord, KeystoreKind } from "../../services/credentials/mod.ts";
import type {
  AskClient,
  AskSite,
  DeviceChoice,
  GivenClient,
  Paste,
  SignInEvent,
} from "../../services/signin/mod.ts";
import type { SignInNeed } from "../../services/tokens/mod.ts";

/** What `Services` takes beside the ports. */
export interface ServicesOptions {
  /** The keystore that the user asks for. */
  readonly keystore?: KeystoreKind | undefined;
  /** The folder of the store; what the environment says when left out. */
  readonly home?: string | undefined;
  /** The URL of a remote store; what the environment says when left out. */
  readonly store?: string | undefined;
  /** Variables that bring tokens; see `StoreOptions`. */
  readonly passingVariables?: readonly string[] | undefined;
  /** Asks a person for the passphrase that seals the store; without it nobody is asked. */
  readonly askPassphrase?: AskPassphrase | undefined;
  /** Gets what the user should see of the keystore that was chosen for a new store. */
  readonly notice?: ((line: string) => void) | undefined;
  /** Gets one redacted line for each HTTP exchange. */
  readonly log?: ((line: string) => void) | undefined;
}

/** What an authorizer may do beside handing out tokens. */
export interface AuthorizerOptions {
  /** Signs in; undefined where no person may be asked. */
  readonly signIn?: ((need: SignInNeed) => Promise<void>) | undefined;
  /** Whether the server may be asked without a token; whether it needs none when left out. */
  readonly anonymous?: boolean | undefined;
  /** The credential to start from; the stored one when left out. */
  readonly credential?: (() => Promise<CredentialRecord | undefined>) | undefined;
  /** The command that a person has to run; `mcp-auth login <name>` when left out. */
  readonly signInCommand?: string | undefined;
}

/** How a person signs in. */
export interface SignInManner {
  /** Open the browser; otherwise the URL is only told. */
  readonly openBrowser: boolean;
  /** Whether to sign in by a device code; never when left out. */
  readonly device?: DeviceChoice | undefined;
  /** Hands in what the person pastes. */
  readonly paste?: Paste | undefined;
  /** Opens the URL in place of the machine's browser. */
  readonly open?: ((url: string) => Promise<void>) | undefined;
  readonly tell: (event: SignInEvent) => void;
  /** Asks for a client where nothing else works. */
  readonly ask?: AskClient | undefined;
  readonly given?: GivenClient | undefined;
  /** The id, the name or the URL of the site that the entry is for, where its provider has several. */
  readonly site?: string | undefined;
  /** Asks which of several sites it is for. */
  readonly askSite?: AskSite | undefined;
  /** Register a client anew, whatever is stored. */
  readonly reRegister?: boolean | undefined;
  /** Shown to the user by the server, where the entry has no name of its own for that. */
  readonly clientName: string;
  /** The program's own client ID metadata document; it is looked at before it is used. */
  readonly document?: string | undefined;
  /** The command line of this sign-in, for a person to repeat it with a client of their own. */
  readonly command?: string | undefined;
  /** Seconds to wait for the browser. */
  readonly timeoutS?: number | undefined;
}
