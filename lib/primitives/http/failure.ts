/**
 * What a failed `fetch` means, in words that say whose fault it is: the server's certificate, the proxy, the network, the
 * sandbox. Deno tells it in the message of the innermost error and nowhere else; its words are read here alone.
 *
 * @see behaviours rows 39 and 40
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { allowFlag } from "../system/permissions.ts";
import { safeText, safeUrl } from "../untrusted_text.ts";
import type { Proxy } from "./proxy.ts";
import { redact } from "./redaction.ts";

/** A request that failed. */
export interface FailedRequest {
  /** Such as `GET "https://example.com/"`. */
  readonly what: string;
  /** Where it was going; a redirect may have led there. */
  readonly url: string;
  /** The proxy that it was to go through. */
  readonly proxy?: Proxy | undefined;
  /** What becomes of the entry's certificate there; it has none when left out. */
  readonly certificate?: "none" | "shown" | "held-back" | undefined;
}

const TRUST_HINT =
  "If it is the certificate of your company or your own, name the file of its authority with --ca-file <file> or SSL_CERT_FILE";

/** What TLS says, what that means, and what to do. */
const TLS_FAILURES: readonly (readonly [RegExp, string, string])[] = [
  [/UnknownIssuer/, "its certificate comes from an authority that is not trusted here", TRUST_HINT],
  [
    /CaUsedAsEndEntity/,
    "its certificate is that of an authority, which cannot be a server's",
    "A self-signed certificate has to be made with basicConstraints=CA:FALSE; then name it with --ca-file <file>",
  ],
  [
    /certificate expired|: Expired/,
    "its certificate has expired",
    "The server's operator has to renew it; check this machine's clock as well",
  ],
  [
    /certificate not valid yet|NotValidYet/,
    "its certificate is not valid yet",
    "Check this machine's clock",
  ],
  [
    /not valid for name|NotValidForName/,
    "its certificate is for another name",
    "Use the name that the certificate is for",
  ],
  [/Revoked/, "its certificate was revoked", "The server's operator has to replace it"],
  [
    /UnsupportedCertVersion|BadEncoding|invalid peer certificate/,
    "its certificate cannot be used",
    TRUST_HINT,
  ],
  [
    /InvalidContentType|invalid message version/i,
    "what answers there does not speak TLS",
    "Check scheme and port of the URL",
  ],
];

/** Alerts by which a server refuses the certificate that it was shown, or that it was shown none. */
const CERTIFICATE_ALERT =
  /received fatal alert: (CertificateRequired|BadCertificate|UnsupportedCertificate|CertificateRevoked|CertificateExpired|CertificateUnknown|UnknownCA|AccessDenied|HandshakeFailure)/;

/**
 * The coded error for what `fetch` threw.
 *
 * @param thrown What was caught.
 * @param request The request.
 * @returns `PERMISSION_DENIED`, `CONFIG_INVALID` where a proxy wants another user, else `NETWORK_ERROR`.
 */
export async function networkFailure(thrown: unknown, request: FailedRequest): Promise<McpAuthError> {
  const { what, proxy } = request;
  if (isRefusedBySandbox(thrown)) return sandboxFailure(thrown, request);
  const reason = reasonOf(thrown);
  if (proxy !== undefined && PROXY_FAILURE.test(reason)) {
    return await proxyFailure(thrown, reason, request, proxy);
  }
  const server = `Cannot reach the server: ${what}`;
  const [, alert] = CERTIFICATE_ALERT.exec(reason) ?? [];
  if (alert !== undefined) {
    return certificateFailure(`${server}: `, alert, request.certificate ?? "none", thrown);
  }
  if (request.url.startsWith("https:") && HUNG_UP.test(reason)) {
    return new McpAuthError("NETWORK_ERROR", `${server}: it closed the connection`, {
      hint: `Try again; where it wants a certificate: ${CERTIFICATE_HINTS[request.certificate ?? "none"]}`,
      cause: thrown,
    });
  }
  const [, meaning, hint] = TLS_FAILURES.find(([pattern]) => pattern.test(reason)) ?? [];
  if (meaning !== undefined) {
    const whose = proxy?.url.startsWith("https:") ? "the server or the proxy: " : "";
    const words = reason.replace(/^.*client error \(Connect\): /s, "");
    return new McpAuthError("NETWORK_ERROR", `${server}: ${whose}${meaning} (${words})`, {
      hint,
      cause: thrown,
    });
  }
  const words = reason.replace(WRAPPING, "");
  const [, plain] = NETWORK_FAILURES.find(([pattern]) => pattern.test(reason)) ?? [];
  return new McpAuthError(
    "NETWORK_ERROR",
    `${server}: ${plain === undefined ? words : `${plain} (${words})`}`,
    {
      hint: "Check the address, the network and any proxy, then try again",
      cause: thrown,
    },
  );
}

/** What Deno writes around the reason: addresses and ports of this machine, which mean nothing to a person. */
const WRAPPING = /^error sending request .*?: client error \(\w+\): (?:tcp connect error: |dns error: )?/s;

/** What the system says, and what it means. */
const NETWORK_FAILURES: readonly (readonly [RegExp, string])[] = [
  [/failed to lookup address information|dns error/, "no name server knows the host"],
  [/connection refused/i, "nothing listens there"],
  [/network is unreachable|no route to host/i, "there is no way to it from this network"],
  [/invalid HTTP|parsed? .*HTTP/i, "what answers there does not speak HTTP"],
];

/** What a server's refusal of a certificate, or of a request without one, means for the entry. */
function certificateFailure(
  start: string,
  alert: string,
  certificate: NonNullable<FailedRequest["certificate"]>,
  cause: unknown,
): McpAuthError {
  const meaning = certificate === "shown"
    ? "the server refuses the certificate of --client-cert"
    : "the server wants a client certificate, or cannot agree on TLS";
  const hint = `If it asks for a certificate: ${CERTIFICATE_HINTS[certificate]}`;
  return new McpAuthError("NETWORK_ERROR", `${start}${meaning} (${alert})`, { hint, cause });
}

const CERTIFICATE_HINTS: Readonly<Record<NonNullable<FailedRequest["certificate"]>, string>> = {
  "none": "name yours with --client-cert <file> --client-key <file>",
  "shown": "check that the one of --client-cert is valid, and from an authority that the server trusts",
  "held-back": "the entry's is for its own servers; if this is its authorization server, name it with " +
    "--authorization-server <issuer>",
};

/** A server may close a connection whose certificate it does not like without saying so. */
const HUNG_UP = /without sending TLS close_notify|connection (?:was )?(?:reset|closed)|broken pipe/i;

const NOT_CONNECTED =
  /^error sending request .*: client error \(Connect\)|^Fetch failed: Requests to port \d+ are blocked$/s;

/**
 * Whether a fetch failed before its request could go out: at the sandbox, the name, the connection, a proxy's tunnel or
 * TLS. Deno says which step failed in the message and nowhere else (2.6.8 and 2.9.6).
 */
export function failedToConnect(thrown: unknown): boolean {
  if (isRefusedBySandbox(thrown)) return true;
  const inner = innermost(thrown);
  return inner instanceof Error && NOT_CONNECTED.test(inner.message);
}

/** What fails on the way to a proxy or at it, when a request goes through one. */
const PROXY_FAILURE =
  /tcp connect error|dns error|unsuccessful tunnel|proxy authentication required|while tunneling|Invalid response version|socks/i;

async function proxyFailure(
  cause: unknown,
  reason: string,
  { what, url }: FailedRequest,
  proxy: Proxy,
): Promise<McpAuthError> {
  const named = `"${safeText(proxy.shown)}", which ${proxy.variable} names`;
  const target = hostAndPort(url);
  const status = await refusalOf(reason, proxy, target);
  // Tinyproxy answers a wrong password with 401.
  if (status === 407 || status === 401) {
    const refused = proxy.url === `${proxy.shown}`
      ? "wants a user name and password"
      : "refuses its user name or password";
    return new McpAuthError(
      "CONFIG_INVALID",
      `Cannot reach the server: ${what}: the proxy ${named}, ${refused}`,
      {
        hint: `Set ${proxy.variable} to http://user:password@host:port, with %40 for an @ in them`,
        cause,
      },
    );
  }
  if (status !== undefined || /unsuccessful tunnel/.test(reason)) {
    const answer = status === undefined ? "" : ` (${status})`;
    return new McpAuthError(
      "NETWORK_ERROR",
      `Cannot reach the server: ${what}: the proxy ${named}, ${
        status !== undefined && status >= 500 ? "cannot connect" : "does not allow to connect"
      } to "${safeText(target)}"${answer}`,
      {
        hint: status !== undefined && status >= 500
          ? "Check the address, and whether the proxy can reach it"
          : `Have it allowed there, or add "${safeText(target)}" to NO_PROXY if it can be reached directly`,
        cause,
      },
    );
  }
  const words = reason.replace(/^.*client error \(Connect\): /s, "");
  return new McpAuthError("NETWORK_ERROR", `Cannot reach the proxy ${named}: ${words}`, {
    hint: `Check ${proxy.variable}, or add "${safeText(target)}" to NO_PROXY if it can be reached directly`,
    cause,
  });
}

/** The status by which a proxy refused; it is asked again where the runtime has not told it. */
async function refusalOf(reason: string, proxy: Proxy, target: string): Promise<number | undefined> {
  if (/proxy authentication required/.test(reason)) return 407;
  if (!/unsuccessful tunnel/.test(reason) || !proxy.url.startsWith("http:")) return undefined;
  const { askProxy } = await import("../system/proxy_question.ts");
  const status = await askProxy({ proxy: proxy.url, target });
  return status !== undefined && status >= 300 ? status : undefined;
}

function sandboxFailure(cause: unknown, { url }: FailedRequest): McpAuthError {
  const host = URL.parse(url)?.host ?? "";
  return new McpAuthError(
    "PERMISSION_DENIED",
    `Cannot connect: the sandbox does not allow "${safeText(host)}"`,
    {
      hint: `Add ${allowFlag("net", host)}`,
      cause,
    },
  );
}

function isRefusedBySandbox(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "NotCapable";
}

function reasonOf(thrown: unknown): string {
  const inner = innermost(thrown);
  return redact(safeText(inner instanceof Error ? inner.message : String(inner)));
}

/** The innermost message of a failed fetch says what happened; the outer ones repeat the URL. */
function innermost(thrown: unknown): unknown {
  let inner = thrown;
  for (let depth = 0; depth < 5 && inner instanceof Error && inner.cause instanceof Error; depth++) {
    inner = inner.cause;
  }
  return inner;
}

function hostAndPort(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null
    ? safeUrl(url)
    : `${parsed.hostname}:${parsed.port || (parsed.protocol === "https:" ? "443" : "80")}`;
}
