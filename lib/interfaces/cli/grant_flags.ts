/**
 * Flags that sign in without a person, what the environment says in their place, and how both become options. One of the
 * three ways is chosen, by flag or by `MCP_AUTH_GRANT`; secrets come from files, standard input and variables alone.
 *
 * An assertion, or an ID token, is named by its source and read anew for each use. `MCP_AUTH_ASSERTION` and
 * `MCP_AUTH_ID_TOKEN` hold the thing itself, or name its source, so that a job needs no flags at all.
 *
 * @see X1-X14, X21-X24
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { GIVEN_SECRET_MAX_BYTES } from "../../primitives/limits.ts";
import type { Env } from "../../primitives/system/env.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { parseWebUrl } from "../../primitives/web_url.ts";
import { checkEntryName } from "../../services/config/mod.ts";
import type {
  AssertionSource,
  Grant,
  IdentityProvider,
  ServerOptions,
} from "../../services/credentials/mod.ts";
import type { GivenClient } from "../../services/signin/mod.ts";
import type { CliContext } from "./context.ts";
import { switchFlag, valueFlag } from "./flags.ts";

/** How to sign in without a person. */
export type GrantFlags = {
  readonly clientCredentials?: boolean | undefined;
  readonly workloadIdentity?: string | undefined;
  readonly enterprise?: string | undefined;
  readonly idpClientId?: string | undefined;
  readonly idpClientSecretFile?: string | undefined;
  readonly idToken?: string | undefined;
  readonly assertionAudience?: string | undefined;
};

/** The grammar of {@linkcode GrantFlags}. */
export const grantFlags = {
  clientCredentials: switchFlag("Sign in without a person, by the client's own secret or private key"),
  workloadIdentity: valueFlag(
    "Sign in without a person, by a token from file:<path>, env:<variable>, github or gitlab",
    "source",
  ),
  enterprise: valueFlag(
    "Sign in by a company's identity provider: its issuer, its token endpoint, or an entry signed in there",
    "idp",
  ),
  idpClientId: valueFlag("Client at the identity provider; that of the entry unless set", "id"),
  idpClientSecretFile: valueFlag("File with its secret, - for standard input", "file"),
  idToken: valueFlag("ID token to present there: env:<variable>, file:<path> or entry:<name>", "source"),
  assertionAudience: valueFlag("Audience of assertions, in place of the server's issuer", "audience"),
} as const;

/** The private key of a client. */
export type KeyFlags = {
  readonly privateKey?: string | undefined;
  readonly signingAlgorithm?: string | undefined;
  readonly keyId?: string | undefined;
};

/** The grammar of {@linkcode KeyFlags}. */
export const keyFlags = {
  privateKey: valueFlag("File with the client's private key, PEM or JWK, - for standard input", "file"),
  signingAlgorithm: valueFlag("Algorithm to sign with, in place of the one that fits key and server", "alg"),
  keyId: valueFlag("Key id (kid) that the server knows the key by", "id"),
} as const;

/** The values of `MCP_AUTH_GRANT`. */
const KINDS = [
  "client-credentials",
  "workload-identity",
  "enterprise",
] as const satisfies readonly Grant["kind"][];

/**
 * The way to sign in without a person that flags or environment choose.
 *
 * @param flags The flags.
 * @param env The environment; undefined where it has no say.
 * @returns Undefined where a person signs in.
 * @throws {McpAuthError} `USAGE` for more than one, `CONFIG_INVALID` for an unknown `MCP_AUTH_GRANT`.
 */
export function grantKind(flags: GrantFlags, env: Env | undefined): Grant["kind"] | undefined {
  const chosen = [
    ...(flags.clientCredentials ? ["client-credentials"] as const : []),
    ...(flags.workloadIdentity === undefined ? [] : ["workload-identity"] as const),
    ...(flags.enterprise === undefined ? [] : ["enterprise"] as const),
  ];
  if (chosen.length > 1) {
    throw new McpAuthError(
      "USAGE",
      `Cannot use --${chosen.join(" with --")}: an entry signs in by one of them`,
    );
  }
  const named = env?.get("MCP_AUTH_GRANT");
  const [kind = KINDS.find((each) => each === named)] = chosen;
  if (kind !== undefined || named === undefined) return kind;
  throw new McpAuthError("CONFIG_INVALID", `Cannot use MCP_AUTH_GRANT "${safeText(named, 40)}"`, {
    hint: `Set it to ${KINDS.join(", ")}, or not at all`,
  });
}

/**
 * The options that the flags stand for, and the environment where it has a say.
 *
 * @param context Reads files and standard input.
 * @param flags The flags.
 * @param env The environment; undefined where it has no say.
 * @throws {McpAuthError} `USAGE`, `CONFIG_INVALID` or `CONFIG_MISSING` for a value that cannot be used, or is not there.
 */
export async function grantOptions(
  context: CliContext,
  flags: GrantFlags & KeyFlags & { readonly clientSecretFile?: string | undefined },
  env: Env | undefined,
): Promise<Pick<ServerOptions, "grant" | "assertionAudience">> {
  const kind = grantKind(flags, env);
  const fromInput = [flags.clientSecretFile, flags.privateKey, flags.idpClientSecretFile].filter((path) =>
    path === "-"
  );
  if (fromInput.length > 1) {
    throw new McpAuthError("USAGE", "Cannot read two secrets from standard input: there is one", {
      hint: "Put the other one into a file, or into its variable",
    });
  }
  const { assertionAudience } = flags;
  if (assertionAudience === "") {
    throw new McpAuthError("USAGE", "Cannot use --assertion-audience: it is empty");
  }
  if (kind !== "enterprise") refuseWithout(flags);
  const audience = assertionAudience === undefined ? {} : { assertionAudience };
  switch (kind) {
    case undefined:
      return audience;
    case "client-credentials":
      return { ...audience, grant: { kind } };
    case "workload-identity":
      return { ...audience, grant: { kind, assertion: workloadSource(flags.workloadIdentity, env) } };
    case "enterprise":
      return { ...audience, grant: { kind, identityProvider: await identityProvider(context, flags, env) } };
  }
}

/** A grant without the secret in it, for showing. */
export function shownGrant(grant: Grant): Grant {
  if (grant.kind !== "enterprise") return grant;
  const { clientSecret: _secret, ...identityProvider } = grant.identityProvider;
  return { ...grant, identityProvider };
}

/**
 * The private key given with a command, by flag or `MCP_AUTH_PRIVATE_KEY`.
 *
 * @param context Reads files and standard input.
 * @param flags The flags.
 * @param env The environment; undefined where its key is another client's.
 * @returns What belongs to the client beside its id; empty where there is no key.
 * @throws {McpAuthError} `CONFIG_MISSING`, `CONFIG_INVALID` or `USAGE`.
 */
export async function givenKey(
  context: CliContext,
  flags: KeyFlags,
  env: Env | undefined,
): Promise<Pick<GivenClient, "privateKey" | "signingAlgorithm" | "keyId">> {
  const { signingAlgorithm, keyId } = flags;
  const text = flags.privateKey === undefined
    ? env?.get("MCP_AUTH_PRIVATE_KEY")
    : await readGiven(context, flags.privateKey, "private key");
  if (text === undefined) {
    if (signingAlgorithm === undefined && keyId === undefined) return {};
    throw new McpAuthError("USAGE", "Cannot use --signing-algorithm and --key-id without a private key", {
      hint: "Add --private-key <file>",
    });
  }
  // Before anything is asked of a server.
  const { readSigningKey } = await import("../../primitives/oauth/client_assertion.ts");
  await readSigningKey(text);
  return { privateKey: text, signingAlgorithm, keyId };
}

/**
 * Reads what a flag names: a file, or standard input for `-`.
 *
 * @param context Reads it.
 * @param path What the flag says.
 * @param what What it is, for the message.
 * @throws {McpAuthError} `CONFIG_MISSING`, `CONFIG_INVALID` or `PERMISSION_DENIED`.
 */
export async function readGiven(context: CliContext, path: string, what: string): Promise<string> {
  const { readCapped, readDocument } = await import("../../primitives/system/documents.ts");
  const bytes = path === "-"
    ? await readCapped(context.terminal.input(), GIVEN_SECRET_MAX_BYTES, "standard input")
    : await readDocument(path, GIVEN_SECRET_MAX_BYTES).catch((error) => {
      if (!(error instanceof McpAuthError) || error.code !== "CONFIG_MISSING") throw error;
      throw new McpAuthError(
        "CONFIG_MISSING",
        `Cannot read the ${what}: there is no file "${safeText(path)}"`,
        { cause: error },
      );
    });
  const value = new TextDecoder().decode(bytes).replace(/\r?\n$/, "");
  if (value !== "") return value;
  throw new McpAuthError("CONFIG_INVALID", `Cannot read the ${what}: "${safeText(path)}" is empty`);
}

function refuseWithout({ idpClientId, idpClientSecretFile, idToken }: GrantFlags): void {
  const flag = idpClientId !== undefined
    ? "--idp-client-id"
    : idpClientSecretFile !== undefined
    ? "--idp-client-secret-file"
    : idToken !== undefined
    ? "--id-token"
    : undefined;
  if (flag === undefined) return;
  throw new McpAuthError("USAGE", `Cannot use ${flag} without an identity provider`, {
    hint: "Add --enterprise <idp>",
  });
}

function workloadSource(flag: string | undefined, env: Env | undefined): AssertionSource {
  if (flag !== undefined) return readSource("--workload-identity", flag);
  const source = sourceInEnvironment("MCP_AUTH_ASSERTION", env);
  if (source !== undefined) return source;
  if (env?.get("ACTIONS_ID_TOKEN_REQUEST_URL") !== undefined) return { from: "github-actions" };
  throw new McpAuthError("CONFIG_MISSING", "Cannot sign in by workload identity: there is no assertion", {
    hint: "Set MCP_AUTH_ASSERTION to it or to where it comes from, such as file:/var/run/secrets/token; " +
      'in GitHub Actions, give the job "permissions: id-token: write"',
  });
}

/** A variable holds the thing itself, or names its source: no JWT has a colon. */
function sourceInEnvironment(variable: string, env: Env | undefined): AssertionSource | undefined {
  const value = env?.get(variable);
  if (value === undefined) return undefined;
  return /^(file:|env:|github$|gitlab$)/.test(value)
    ? readSource(variable, value)
    : { from: "environment", variable };
}

function readSource(flag: string, value: string): AssertionSource {
  const refuse = (why: string, hint: string) =>
    new McpAuthError("USAGE", `Cannot use ${flag} "${safeText(value, 100)}": ${why}`, { hint });
  const [, from, rest = ""] = /^(file|env):(.*)$/s.exec(value) ?? [];
  if (value === "github") return { from: "github-actions" };
  if (value === "gitlab") return { from: "gitlab" };
  if (from === "env") {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)) return { from: "environment", variable: rest };
    throw refuse("it names no variable", "Write it as env:NAME");
  }
  if (from === "file") {
    if (/^(\/|[A-Za-z]:[\\/]|\\\\)/.test(rest) && !/\p{Cc}/u.test(rest)) return { from: "file", path: rest };
    throw refuse(
      "it is no whole path",
      "The entry is used from other folders as well: write file:/path/to/it",
    );
  }
  throw refuse("it is no source", "Sources are file:/path/to/it, env:NAME, github and gitlab");
}

async function identityProvider(
  context: CliContext,
  flags: GrantFlags,
  env: Env | undefined,
): Promise<IdentityProvider> {
  const named = flags.enterprise ?? env?.get("MCP_AUTH_IDP");
  if (named === undefined) {
    throw new McpAuthError("CONFIG_MISSING", "Cannot sign in by an identity provider: none is named", {
      hint: "Set MCP_AUTH_IDP to its issuer, or add --enterprise <issuer>",
    });
  }
  const isUrl = /^https?:/i.test(named);
  const place = isUrl ? placeOf(named) : {};
  const idToken = identitySource(flags.idToken, isUrl ? undefined : checkEntryName(named), env);
  const envClientId = env?.get("MCP_AUTH_IDP_CLIENT_ID");
  const clientId = flags.idpClientId ?? envClientId;
  if (clientId === undefined && idToken.from !== "entry") {
    throw new McpAuthError(
      "CONFIG_MISSING",
      "Cannot sign in by an identity provider: no client is named for it",
      {
        hint: "Add --idp-client-id <id>: the client that the ID token was issued to",
      },
    );
  }
  const isOurs = envClientId === undefined || envClientId === clientId;
  const clientSecret = flags.idpClientSecretFile === undefined
    ? (isOurs ? env?.get("MCP_AUTH_IDP_CLIENT_SECRET") : undefined)
    : await readGiven(context, flags.idpClientSecretFile, "client secret for the identity provider");
  if (clientSecret !== undefined && clientId === undefined) {
    throw new McpAuthError(
      "USAGE",
      "Cannot use a client secret for the identity provider without its client",
      {
        hint: "Add --idp-client-id <id>",
      },
    );
  }
  return {
    ...place,
    ...(clientId === undefined ? {} : { clientId }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
    idToken,
  };
}

/** A token endpoint calls itself one in its last segment; no issuer does. */
function placeOf(named: string): Pick<IdentityProvider, "issuer" | "tokenEndpoint"> {
  const { pathname } = parseWebUrl(named, "identity provider");
  return /^token\b/i.test(pathname.split("/").at(-1) ?? "") ? { tokenEndpoint: named } : { issuer: named };
}

function identitySource(
  flag: string | undefined,
  entry: string | undefined,
  env: Env | undefined,
): IdentityProvider["idToken"] {
  const variable = "MCP_AUTH_ID_TOKEN";
  const named = flag ?? env?.get(variable);
  const [, name] = /^entry:(.*)$/s.exec(named ?? "") ?? [];
  if (name !== undefined) return { from: "entry", name: checkEntryName(name) };
  const source = flag === undefined ? sourceInEnvironment(variable, env) : readSource("--id-token", flag);
  if (source?.from === "github-actions" || source?.from === "gitlab") {
    throw new McpAuthError("USAGE", "Cannot use the token of a CI as an ID token: it names no person", {
      hint: "Sign in by --workload-identity in its place",
    });
  }
  // An entry that was named is meant, whatever the environment holds for others.
  if (flag === undefined && entry !== undefined) return { from: "entry", name: entry };
  if (source !== undefined) return source;
  throw new McpAuthError("CONFIG_MISSING", "Cannot sign in by an identity provider: there is no ID token", {
    hint: "Add --id-token entry:<name>, file:<path> or env:<variable>, or set MCP_AUTH_ID_TOKEN",
  });
}
