/**
 * Tells which server a state is for. Its files are named after an MD5 of the URL, and of what else mcp-remote was given:
 * no way leads back from that, but a URL that is guessed can be checked. Guesses come from the person, from the store,
 * and from the state itself: its debug log, and the audience of its tokens.
 *
 * @module
 */
import { claimsOf } from "../../../primitives/oauth/id_token.ts";
import { isLoopbackHost } from "../../../primitives/web_url.ts";
import type { RemoteState } from "./folder.ts";

/** A state whose server is known. */
export interface RecognizedState {
  readonly state: RemoteState;
  /** The URL of the server, byte for byte as mcp-remote was given it. */
  readonly url: string;
  /** The resource that mcp-remote was told to name, where it was told one. */
  readonly resource?: string;
}

/** States, by whether their server is known. */
export interface Recognition {
  readonly recognized: readonly RecognizedState[];
  readonly unknown: readonly RemoteState[];
}

/**
 * Recognizes states.
 *
 * @param states What was found.
 * @param urls URLs that may be theirs.
 * @param md5Hex The digest that names the files.
 */
export function recognize(
  states: readonly RemoteState[],
  urls: readonly string[],
  md5Hex: (text: string) => string,
): Recognition {
  const shared = urls.filter(isServerUrl);
  const recognized: RecognizedState[] = [];
  const unknown: RemoteState[] = [];
  for (const state of states) {
    const audiences = audiencesOf(state).filter(isServerUrl);
    const own = [...new Set([...shared, ...state.loggedUrls.filter(isServerUrl), ...audiences])];
    const url = own.find((each) => md5Hex(each) === state.hash);
    const found = url === undefined ? withResource(state, own, md5Hex) : { state, url };
    if (found === undefined) unknown.push(state);
    else recognized.push(found);
  }
  return { recognized, unknown };
}

/** `--resource` follows the URL in what is digested; it is another of the URLs, mostly. */
function withResource(
  state: RemoteState,
  urls: readonly string[],
  md5Hex: (text: string) => string,
): RecognizedState | undefined {
  const few = urls.slice(0, RESOURCES_MAX);
  for (const url of few) {
    const resource = few.find((each) => md5Hex(`${url}|${each}`) === state.hash);
    if (resource !== undefined) return { state, url, resource };
  }
  return undefined;
}

/** So many URLs are tried with each other: the square of it is the number of digests. */
const RESOURCES_MAX = 100;

/** Whom the tokens are for, as they say themselves. */
function audiencesOf({ tokens }: RemoteState): readonly string[] {
  const audience = claimsOf(tokens?.accessToken)?.aud;
  const all = Array.isArray(audience) ? audience.slice(0, 20) : [audience];
  return all.filter((each) => typeof each === "string" && each.length <= 2_000);
}

function isServerUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && !text.includes("#") && url.username === "" && url.password === "" &&
    (url.protocol === "https:" || url.protocol === "http:" && isLoopbackHost(url.hostname));
}
