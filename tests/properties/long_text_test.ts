/**
 * Long text, made of one thing over and over, takes no reader long: nothing of it may cost more than its length. Each gets
 * texts as long as what reaches it can be, up to a megabyte; the shortest of these limits is still so long that a reader
 * that goes over its text once for each character takes many times the limit.
 *
 * @module
 */
import { METADATA_MAX_BYTES } from "../../lib/primitives/limits.ts";
import { tried, within } from "./property.ts";
import { redact } from "../../lib/primitives/http/redaction.ts";
import { proxyFor, readProxy, readProxySettings } from "../../lib/primitives/http/proxy.ts";
import { retryAfterMs } from "../../lib/primitives/http/retry_after.ts";
import { parseEnvelope } from "../../lib/primitives/mcp/jsonrpc.ts";
import { parseAuthorizeParameter } from "../../lib/primitives/oauth/authorize_parameters.ts";
import { summarizeChallenges } from "../../lib/primitives/oauth/challenge.ts";
import {
  checkResource,
  parseProtectedResource,
  protectedResourceUrls,
} from "../../lib/primitives/oauth/protected_resource.ts";
import { splitScope } from "../../lib/primitives/oauth/scope.ts";
import {
  checkEndpoint,
  checkIssuer,
  serverMetadataUrls,
} from "../../lib/primitives/oauth/server_metadata.ts";
import { safeText, safeUrl } from "../../lib/primitives/untrusted_text.ts";
import { parseWebUrl } from "../../lib/primitives/web_url.ts";
import {
  checkEntryName,
  expandHeaders,
  parseHeader,
  parseHeaderLines,
} from "../../lib/services/config/mod.ts";
import { judgePaste } from "../../lib/services/signin/pasted_response.ts";
import { commandIn } from "../../scripts/conformance/hint.ts";

const MEGABYTE = 1024 * 1024;
/** The longest argument or variable that Linux gives a program; no header that a runtime takes is much longer. */
const ARGUMENT = 128 * 1024;
/** One text; ten times what the slowest takes on a slow machine. */
const LIMIT_MS = 2_500;

const UNITS = [
  ...[
    " ",
    "\t",
    "\n",
    "\r\n",
    "a",
    "a ",
    "1",
    "=",
    "a=",
    "a=b,",
    'a="',
    '"',
    "'",
    "`",
    "\\",
    '\\"',
    ",",
    ";",
    ":",
    ".",
  ],
  ...[
    "Bearer ",
    "/",
    "/a",
    "//",
    "%",
    "%2",
    "%3Fcode%3D",
    "[",
    "{",
    "eyJ",
    "eyJaaaaaaaa.",
    "://",
    "a:",
    "a://b?",
    "?",
  ],
  ...[
    "&",
    "code=",
    "&code=",
    "code=a&",
    "#",
    "@",
    "-",
    "é",
    "😀",
    "\u0000",
    "\u202e",
    '{"code":"',
    "{code: ",
    "state=",
  ],
  ...["authorization: ", "$", "${", "${a}", "${file:", "1.", "0x", "::", "*.", "scope="],
];

const paste = {
  url: "https://as.example.com/authorize",
  redirectUri: "http://127.0.0.1:8456/callback",
  server: { issuer: "https://as.example.com", token_endpoint: "https://as.example.com/token" },
  state: "state",
};

/** What reads text that others wrote, each with the longest text that reaches it; a megabyte unless set. */
const READERS: readonly (readonly [name: string, read: (text: string) => unknown, maxChars?: number])[] = [
  ["challenges", summarizeChallenges, ARGUMENT],
  ["a scope", splitScope],
  ["shown text", (text) => safeText(text)],
  ["a shown URL", (text) => safeUrl(`https://${text}`)],
  // A line of a log or an error, whose parts are capped.
  ["redaction", redact, 1_000_000],
  ["a URL", (text) => parseWebUrl(text)],
  ["a URL's host", (text) => parseWebUrl(`https://${text}`), METADATA_MAX_BYTES],
  ["a resource", (text) => checkResource(`https://h/${text}`, `https://h/${text}x`), METADATA_MAX_BYTES],
  [
    "a resource's document",
    (text) => parseProtectedResource({ resource: text, scopes_supported: [text] }, text),
  ],
  ["the places of a resource", (text) => protectedResourceUrls(`https://h/${text}`), ARGUMENT],
  ["the places of a server", (text) => serverMetadataUrls(`https://h/${text}`), METADATA_MAX_BYTES],
  [
    "an endpoint",
    (text) => checkEndpoint(`https://h/${text}`, "token_endpoint", "https://h"),
    METADATA_MAX_BYTES,
  ],
  ["an issuer", (text) => checkIssuer(`https://h/${text}`, "https://h", text)],
  ["a header", parseHeader, ARGUMENT],
  ["a header's value", (text) => parseHeader(`X-A: ${text}`), ARGUMENT],
  ["lines of headers", parseHeaderLines, ARGUMENT],
  ["a header with variables", (text) => expandHeaders({ a: text }, () => "value", () => "value"), ARGUMENT],
  ["a pasted line", (text) => judgePaste(text, paste)],
  ["a pasted address", (text) => judgePaste(`${paste.redirectUri}?state=state&${text}`, paste)],
  ["a proxy", (text) => readProxy({ variable: "HTTPS_PROXY", value: text }), ARGUMENT],
  ["NO_PROXY", async (text) => {
    const variables: Record<string, string> = { https_proxy: "http://proxy:1", no_proxy: text };
    const env = { get: (name: string) => variables[name] };
    await proxyFor(new URL("https://www.example.com/"), readProxySettings(env)!);
  }, ARGUMENT],
  [
    "a message",
    // Four times the text: a megabyte in all.
    (text) => parseEnvelope(JSON.stringify({ id: text, method: text, params: { [text]: text } })),
    MEGABYTE / 4,
  ],
  ["the name of an entry", checkEntryName, ARGUMENT],
  ["an authorize parameter", (text) => parseAuthorizeParameter(`a=${text}`), ARGUMENT],
  ["a pause", (text) => retryAfterMs(new Headers({ "retry-after": text.replace(/[^ -~]/g, "1") })), ARGUMENT],
  ["a hint", commandIn],
];

for (const [name, read, maxChars = MEGABYTE] of READERS) {
  Deno.test(`a reader of ${name} takes no longer than its text is long, whatever that repeats`, async () => {
    for (const unit of UNITS) {
      for (const share of [100, 10, 1]) {
        const text = unit.repeat(Math.ceil(maxChars / share / unit.length));
        for (const whole of [text, `${text}x`, `x"${text}"`]) {
          await within(LIMIT_MS, () => tried(() => read(whole))).catch((error) => {
            throw new Error(`${JSON.stringify(unit)} over ${whole.length} characters: ${error}`);
          });
        }
      }
    }
  });
}
