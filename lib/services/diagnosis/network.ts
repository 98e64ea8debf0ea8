/**
 * The way to one origin, step by step: the proxy, the trusted certificates, the name, the port, the certificate. The
 * steps explain why a fetch fails; whether it works is said by the fetch.
 *
 * @see behaviours rows 39 and 40
 * @module
 */
import { asMcpAuthError, McpAuthError } from "../../primitives/errors.ts";
import { CERTIFICATE_ENDS_SOON_MS, DIAGNOSIS_REACH_MS } from "../../primitives/limits.ts";
import type { CertificateFacts } from "../../primitives/system/reach.ts";
import { waitFor } from "../../primitives/system/clock.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import {
  type Check,
  check,
  type CheckGroup,
  failure,
  type Finding,
  fine,
  skipped,
  warning,
} from "./check.ts";
import type { RouteFacts, ServerPorts } from "./ports.ts";

/** What the steps run on. */
export type NetworkPorts = Pick<ServerPorts, "clock" | "lookup" | "reach" | "route">;

/** The way to an origin. */
export interface Way {
  readonly checks: readonly Check[];
  /** The check that failed; undefined where the origin can be asked. */
  readonly broken: Check | undefined;
}

/**
 * Goes the way.
 *
 * @param ports What it runs on.
 * @param url Any URL of the origin.
 * @param group The part of the diagnosis that the checks are in.
 * @param signal Ends the waits.
 */
export async function goTo(
  ports: NetworkPorts,
  url: URL,
  group: CheckGroup,
  signal: AbortSignal,
): Promise<Way> {
  const checks: Check[] = [];
  const subject = url.origin;
  const head = (id: string, title: string, rule?: string) => ({ id, title, group, subject, rule });
  const add = async (each: Promise<Check>) => {
    const done = await each;
    checks.push(done);
    return done;
  };

  const route = await ports.route(url);
  const { proxy, caCerts } = route;
  const because = proxy === undefined
    ? "none: requests go there directly"
    : `${proxy.url}, named by ${proxy.variable}`;
  const isProxyWrong = route.error !== undefined && !isAboutFiles(route);
  const proxied = await add(check(head("proxy", "Proxy", "row 40"), () => {
    if (isProxyWrong) throw route.error;
    return fine(because);
  }));
  if (proxied.status === "fail") return { checks, broken: proxied };
  const trusted = await add(
    check(
      head("certificates", "Trusted certificates", "row 39"),
      () => judgeFiles(route, url, ports.clock.now()),
    ),
  );
  if (trusted.status === "fail") return { checks, broken: trusted };
  if (proxy !== undefined) {
    for (const [id, title] of [["dns", "Name"], ["tcp", "Connection"], ["tls", "TLS certificate"]] as const) {
      await add(check(head(id, title), () => skipped(`the proxy ${proxy.url} does it`)));
    }
    return { checks, broken: undefined };
  }

  const limit = () => AbortSignal.any([signal, AbortSignal.timeout(DIAGNOSIS_REACH_MS)]);
  const target = { hostname: bare(url.hostname), port: portOf(url) };
  const named = await add(check(head("dns", "Name"), () => resolve(ports, target.hostname, limit())));
  if (named.status === "fail") return { checks: [...checks, ...skipAll(head, named)], broken: named };
  const connected = await add(check(head("tcp", "Connection"), async () => {
    const address = await ports.reach.connect(target, limit()).catch((error) => {
      throw unreachable(error, url.host);
    });
    return fine(`${safeText(address)} answers`);
  }));
  if (connected.status === "fail") {
    return { checks: [...checks, ...skipAll(head, connected).slice(1)], broken: connected };
  }
  const secured = await add(check(head("tls", "TLS certificate", "C69, OAuth 2.1 section 1.5"), async () => {
    if (url.protocol !== "https:") return skipped("not used: http on loopback");
    const { problem, chain } = await ports.reach.handshake(target, caCerts, limit()).catch((error) => {
      throw unreachable(error, url.host);
    });
    return judgeCertificate(problem, chain, ports.clock.now(), url);
  }));
  return { checks, broken: secured.status === "fail" ? secured : undefined };
}

/** Whether what is wrong is a file of certificates and not the proxy. */
function isAboutFiles({ caFiles, clientCertificate }: RouteFacts): boolean {
  return caFiles.some(({ error }) => error !== undefined) || clientCertificate?.error !== undefined;
}

function judgeFiles({ caFiles, clientCertificate, error }: RouteFacts, url: URL, now: number): Finding {
  if (url.protocol !== "https:") return skipped("not used: http on loopback");
  for (const file of caFiles) if (file.error !== undefined) throw file.error;
  if (clientCertificate?.isShown && clientCertificate.error !== undefined) throw clientCertificate.error;
  if (error !== undefined) throw error;
  const own = caFiles.map(({ path, namedBy, certificates }) =>
    ` and ${certificates} in ${safeText(path)} (${namedBy})`
  ).join("");
  const trusted = `those of the runtime${own}`;
  if (clientCertificate === undefined || !clientCertificate.isShown) return fine(trusted);
  const { certFile, subject, expiresAt } = clientCertificate;
  const card = `${trusted}; shows "${safeText(subject ?? "")}" (${safeText(certFile)})`;
  if (expiresAt === undefined || expiresAt > now) return fine(card);
  return warning(`${card}, which has expired`, "Renew it, and name the new one with --client-cert");
}

function skipAll(
  head: (id: string, title: string) => Parameters<typeof check>[0],
  broken: Check,
): readonly Check[] {
  return [["tcp", "Connection"], ["tls", "TLS certificate"]].map(([id = "", title = ""]) => ({
    ...head(id, title),
    ...skipped(`because of: ${broken.title}`),
    ms: 0,
  }));
}

async function resolve({ lookup }: NetworkPorts, hostname: string, limit: AbortSignal): Promise<Finding> {
  if (/^[\d.]+$|:/.test(hostname)) return fine(`${hostname} is an address`);
  try {
    const addresses = await waitFor(lookup(hostname), limit);
    return fine(addresses.map((address) => safeText(address, 60)).slice(0, 8).join(", "));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${safeText(error.code, 30)})` : "";
    if (error instanceof Error && error.name === "NotCapable") {
      return skipped("the sandbox does not allow to look it up");
    }
    if (limit.aborted) throw unreachable(error, hostname);
    return failure(
      "NETWORK_ERROR",
      `Cannot find "${safeText(hostname, 200)}": no name server knows it${code}`,
      "Check the spelling of the URL, the network, a VPN, and whether a proxy is needed (HTTPS_PROXY)",
    );
  }
}

function unreachable(error: unknown, host: string): McpAuthError {
  const shown = safeText(host, 200);
  const name = error instanceof Error ? error.name : "";
  if (name === "NotCapable") return sandboxed(host, error);
  if (name === "TimeoutError") {
    return new McpAuthError(
      "TIMEOUT",
      `Cannot connect to "${shown}": no answer within ${DIAGNOSIS_REACH_MS / 1000} s`,
      { hint: "Check the address, and any firewall or VPN in between", cause: error },
    );
  }
  if (name === "ConnectionRefused") {
    return new McpAuthError(
      "NETWORK_ERROR",
      `Cannot connect to "${shown}": nothing listens there`,
      { hint: "Check the host and the port, and that the server runs", cause: error },
    );
  }
  return asMcpAuthError(error, "NETWORK_ERROR", `connect to "${shown}"`);
}

function sandboxed(host: string, cause: unknown): McpAuthError {
  const shown = safeText(host, 200);
  return new McpAuthError("PERMISSION_DENIED", `Cannot connect: the sandbox does not allow "${shown}"`, {
    hint: `Add --allow-net=${shown}`,
    cause,
  });
}

/** The words of the TLS library, by what they mean. */
const PROBLEMS: readonly (readonly [RegExp, string, string])[] = [
  [
    /InvalidContentType|invalid message version/i,
    "what answers there speaks something else",
    "Check scheme and port of the URL: this may be the port of plain http",
  ],
  [
    /UnknownIssuer/,
    "it is not of an authority that is trusted here",
    "If a company's proxy or an authority of your own signs it, give its certificate with --ca-file <file> " +
    "(or SSL_CERT_FILE); otherwise the server's operator has to send the whole chain",
  ],
  [/not valid for name|NotValidForName/i, "it is for other names", "Check the host in the URL"],
  [
    /certificate expired|Expired\b/,
    "it has expired",
    "The server's operator has to renew it; check this machine's clock, too",
  ],
  [/not valid yet|NotValidYet/i, "it is not valid yet", "Check this machine's clock"],
  [/Revoked/, "it was revoked", "The server's operator has to renew it"],
  [
    /CaUsedAsEndEntity/,
    "it is that of an authority and not of a server",
    "Have the server show one of its own",
  ],
];

function judgeCertificate(
  problem: string | undefined,
  chain: readonly CertificateFacts[],
  now: number,
  url: URL,
): Finding {
  const [first] = chain;
  const seen = first === undefined
    ? ""
    : `${chain.map(({ subject }) => subject).join(" < ")}, by ${chain.at(-1)?.issuer ?? ""}, until ${
      dayOf(first.notAfter)
    }`;
  if (problem === undefined) {
    const left = (first?.notAfter ?? Infinity) - now;
    return left < CERTIFICATE_ENDS_SOON_MS
      ? warning(`${seen}: it ends in ${Math.max(0, Math.floor(left / 86_400_000))} days`, "Have it renewed")
      : fine(seen === "" ? "trusted" : seen);
  }
  const [, why = problem, hint = "Check what answers at this port"] =
    PROBLEMS.find(([words]) => words.test(problem)) ?? [];
  const names = /other names/.test(why) && first !== undefined ? ` (${first.names})` : "";
  const isCertificate = /certificate/i.test(problem);
  return failure(
    "NETWORK_ERROR",
    isCertificate
      ? `Cannot trust the certificate of "${safeText(url.host, 200)}": ${why}${names}${
        seen === "" ? "" : `; it shows ${seen}`
      }`
      : `Cannot speak TLS with "${safeText(url.host, 200)}": ${why}`,
    hint,
  );
}

function dayOf(time: number | undefined): string {
  return time === undefined ? "an unknown day" : new Date(time).toISOString().slice(0, 10);
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === "https:" ? 443 : 80);
}
