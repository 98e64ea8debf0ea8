/**
 * What to tell a person where a server registers no client, or none that it does not know: what to register there, and
 * the command to come back with. The redirect URI is the one that the next sign-in will have too, at the preferred port,
 * which the command then names: not every server lets the port vary as RFC 8252 section 7.3 asks.
 *
 * @see MCP 2026-07-28 client registration (C25, C32, C34); behaviours rows 18 and 20
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { CALLBACK_PORT } from "../../primitives/limits.ts";
import { UnknownClientError } from "../../primitives/oauth/registration.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { safeUrl } from "../../primitives/untrusted_text.ts";
import { isLoopbackHost } from "../../primitives/web_url.ts";
import type { ServerOptions } from "../credentials/mod.ts";

/** What a person has to know to register a client. */
export interface RegistrationAdvice {
  /** Where. */
  readonly issuer: string;
  /** The redirect URI to register, byte for byte. */
  readonly redirectUri: string;
  /** Why the program cannot do it, as the first part of a sentence. */
  readonly why: string;
  /** The page where clients of this server are registered, where it is known. */
  readonly setUpPage: string | undefined;
  /** The flags to come back with, such as `--client-id <id>`. */
  readonly flags: readonly string[];
}

/** What {@linkcode adviceFor} takes. */
export interface AdviceSubject {
  readonly server: ServerMetadata;
  readonly options: ServerOptions;
  /** The redirect URI of this sign-in. */
  readonly redirectUri: string;
  readonly setUpPage: string | undefined;
  /** What the server answered, where it refused. */
  readonly refusal?: McpAuthError | undefined;
}

/**
 * Says what a person has to register.
 *
 * @param subject The server and the sign-in.
 */
export function adviceFor(subject: AdviceSubject): RegistrationAdvice {
  const { server, options, redirectUri, setUpPage, refusal } = subject;
  const url = new URL(redirectUri);
  const isOurs = options.redirectUri === undefined && url.protocol === "http:" &&
    isLoopbackHost(url.hostname);
  const picksPort = isOurs && options.callbackPorts === undefined && options.listen === undefined;
  const methods = server.token_endpoint_auth_methods_supported;
  return {
    issuer: server.issuer,
    redirectUri: picksPort ? `http://${url.hostname}:${CALLBACK_PORT}${url.pathname}` : redirectUri,
    why: refusal?.message ??
      `Cannot register a client at "${safeUrl(server.issuer)}": it offers no dynamic registration`,
    setUpPage,
    flags: [
      "--client-id <id>",
      ...(methods?.every((method) => method === "none") ? [] : ["--client-secret-file <file>"]),
      ...(picksPort ? [`--callback-port ${CALLBACK_PORT}`] : []),
    ],
  };
}

/**
 * The error that leads on. An initial access token is for the issuer that is named, whoever named it.
 *
 * @param advice What to register.
 * @param command The command line to repeat, without the flags of the advice; undefined where there is none.
 * @param refusal What the server answered, where it refused.
 */
export function unregistered(
  advice: RegistrationAdvice,
  command: string | undefined,
  refusal?: McpAuthError,
): McpAuthError {
  const { redirectUri, setUpPage, flags, why } = advice;
  const page = setUpPage === undefined ? "there" : `at ${safeUrl(setUpPage)}`;
  const back = command === undefined
    ? `repeat the command with ${flags.join(" ")}`
    : `run: ${command} ${flags.join(" ")}`;
  const others = refusal instanceof UnknownClientError
    ? `. Where the server knows clients by their names, repeat the command with --client-name <name>; where it gave ` +
      `you an initial access token, run first: mcp-auth client register ${
        word(advice.issuer)
      } --initial-access-token-file <file>`
    : "";
  return new McpAuthError("REGISTRATION_FAILED", why, {
    hint: `Register a client ${page} with redirect URI ${redirectUri}, then ${back}` +
      (flags.some((flag) => flag.includes("secret")) ? " (without the secret, if it has none)" : "") + others,
    cause: refusal,
  });
}

/** As a POSIX shell reads it back. */
function word(url: string): string {
  return /^[\w@%+=:,./~-]+$/.test(url) ? url : `'${url.replaceAll("'", "%27")}'`;
}
