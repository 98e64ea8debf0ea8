/**
 * Every deviation from the specifications that is allowed for, in one table: what it changes, who does so, since when it
 * is known, and when it applies. The strict core knows none of them. Code that allows for one names its row, so that each
 * can be found, doubted and taken out again; tests hold the table, the code and the tests of each row together.
 *
 * @see behaviours rows 7, 8, 18, 20, 22-26, 30 and 31
 * @module
 */

/** When a quirk is allowed for. */
export type QuirkScope =
  /** For every server: it can do no harm where the server is strict. */
  | "always"
  /** Where the entry's provider is known for it, or its issuer is. */
  | "provider"
  /** Where the entry names it, by `--quirk` or an option of its own. */
  | "named"
  /** Once the server has turned out to have it. */
  | "learned";

/** One deviation. */
export interface Quirk {
  /** What is done differently, in one sentence. */
  readonly changes: string;
  /** Where it was seen: a thread, a document. */
  readonly source: string;
  /** The day on which the source was last looked up, as an ISO date; nothing was tried at anybody's servers. */
  readonly checked: string;
  /** When it is allowed for. */
  readonly applies: readonly QuirkScope[];
  /** The hosts of issuers that are known for it, from the start. */
  readonly issuerHosts?: readonly string[];
}

/** Entra and its national clouds (learn.microsoft.com, authentication-national-cloud), and the issuer of its version 1. */
const MICROSOFT = [
  "login.microsoftonline.com",
  "login.microsoftonline.us",
  "login.partner.microsoftonline.cn",
  "sts.windows.net",
];

/** The name of a quirk. */
export type QuirkName =
  | "error-with-200"
  | "ok-false"
  | "own-error-codes"
  | "form-encoded-answer"
  | "null-members"
  | "odd-expires-in"
  | "odd-token-type"
  | "scope-list"
  | "nested-user-token"
  | "issuer-slash"
  | "html-well-known"
  | "registration-200"
  | "no-secret-expiry"
  | "client-allow-list"
  | "wrong-auth-method"
  | "omit-resource"
  | "repeat-scope"
  | "offline-parameters"
  | "assume-pkce";

/** The table, by name. */
export const QUIRKS: Readonly<Record<QuirkName, Quirk>> = {
  "error-with-200": {
    changes: "A token answer with status 200 and an `error` is a refusal",
    source: "GitHub, Troubleshooting OAuth app access token request errors; typescript-sdk#1342",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "ok-false": {
    changes: "A token answer with `ok: false` is a refusal, whose `error` is its code",
    source: "Slack: preset-io/agor#824, kentcdodds/kody#1346",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "own-error-codes": {
    changes: "A server's own words for invalid_grant and invalid_client are read as these",
    source: "GitHub, Troubleshooting OAuth app access token request errors (bad_verification_code, " +
      "incorrect_client_credentials), onyx#13331 (bad_refresh_token); Slack, oauth.v2.access (invalid_code, " +
      "bad_client_secret, invalid_client_id), python-slack-sdk#1242 (invalid_refresh_token)",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "form-encoded-answer": {
    changes: "A token answer may be form-encoded, as its content type says",
    source: "GitHub, Authorizing OAuth apps: the default answer; onyx#14905, python-sdk#1511",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "null-members": {
    changes: 'null, "" and [] count as absent, in answers and metadata alike',
    source: "typescript-sdk#940, claude-code#13685, mcp-context-forge#3992",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "odd-expires-in": {
    changes: "expires_in may be a string; what is no time to come counts as unknown",
    source: "badgateway/oauth2-client#123, delta-io/delta-sharing#628 (text); qwen-code#5355 (0)",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "odd-token-type": {
    changes: "A missing token_type, or one that says what the token is for, counts as Bearer",
    source:
      "deno-oauth2-client#37 (none); executor#2050 (Slack: user, bot); DuendeArchive/Support#1413 (Apigee: BearerToken)",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "scope-list": {
    changes: "A granted scope may be a JSON list, or separated by commas",
    source: "GitHub, Authorizing OAuth apps (repo,gist); Twitch-API#691 (a list)",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "nested-user-token": {
    changes: "The tokens of a person may stand in `authed_user`",
    source: "Slack, oauth.v2.access; agor#824, executor#2050",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "issuer-slash": {
    changes: "An issuer without a path may be written with or without its final slash",
    source: "copilot-cli#4606, python-sdk#1919, opencode#50036, expo#49053",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "html-well-known": {
    changes: "A page in place of a metadata document means that there is none",
    source: "outline#11572, radar#829, claude-code#72673",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "registration-200": {
    changes: "A registration may be answered with status 200",
    source: "RFC 7591 section 3.2.1 wants 201; claude-code#74768 (Figma), GluuFederation/oxAuth#1780",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "no-secret-expiry": {
    changes: "A registration with a secret may leave out when that expires: never",
    source:
      "RFC 7591 section 3.2.1 requires client_secret_expires_at; workers-oauth-provider#164, jitsu#1430",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "client-allow-list": {
    changes: "A 403 in plain text at registration means that the server lets in clients of a list alone",
    source: "mcp-remote#186, copilot-cli#4906, claude-code#74768",
    checked: "2026-11-21",
    applies: ["always"],
  },
  "wrong-auth-method": {
    changes: "A client that is refused by its registered method is tried by the other one, once",
    source: "codex#40928, rust-sdk#648, claude-ai-mcp#667",
    checked: "2026-11-21",
    applies: ["learned"],
  },
  "omit-resource": {
    changes: "No `resource` is sent",
    source: "Entra AADSTS9010010 and AADSTS901002: mcp-remote#217, modelcontextprotocol#1389",
    checked: "2026-11-21",
    applies: ["provider", "named", "learned"],
    issuerHosts: MICROSOFT,
  },
  "repeat-scope": {
    changes: "The scopes are repeated with each refresh",
    source: "Entra AADSTS90009: mcp-remote#357, typescript-sdk#2718",
    checked: "2026-11-21",
    applies: ["provider", "named", "learned"],
    issuerHosts: MICROSOFT,
  },
  "offline-parameters": {
    changes: "access_type=offline and prompt=consent are sent with each authorization request",
    source: "Google: home-assistant/core#180546, home-assistant/core#180604",
    checked: "2026-11-21",
    applies: ["provider", "named"],
    issuerHosts: ["accounts.google.com"],
  },
  "assume-pkce": {
    changes: "Metadata that does not list S256 counts as supporting it; it is sent in any case",
    source:
      "MCP authorization, Authorization Code Protection (C39); Entra lists no methods: vercel/ai#18674, zed#60358",
    checked: "2026-11-21",
    applies: ["provider", "named"],
    issuerHosts: MICROSOFT,
  },
};

/** Says whether a word names a quirk. */
export function isQuirk(name: string): name is QuirkName {
  return Object.hasOwn(QUIRKS, name);
}

/** The quirks that an entry may name: those that are not allowed for anyway. */
export const NAMEABLE_QUIRKS: readonly QuirkName[] = (Object.keys(QUIRKS) as QuirkName[]).filter((name) =>
  QUIRKS[name].applies.includes("named")
);

/**
 * The quirks that an issuer is known for, from the start.
 *
 * @param issuer An issuer identifier, or any URL of the server.
 */
export function quirksOfIssuer(issuer: string): readonly QuirkName[] {
  const host = URL.parse(issuer)?.hostname;
  if (host === undefined) return [];
  return (Object.keys(QUIRKS) as QuirkName[]).filter((name) => QUIRKS[name].issuerHosts?.includes(host));
}
