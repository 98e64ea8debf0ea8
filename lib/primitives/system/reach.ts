/**
 * Goes to a port step by step, as a fetch does at once: the connection, then the TLS handshake, and the certificates
 * that were shown, so that a failed fetch can be explained. Nothing is ever sent over these connections but the
 * handshake. Whether a certificate is trusted is said by the same library that the fetch uses; a second, unverified
 * handshake only reads what the certificates are.
 *
 * @see behaviours row 39
 * @module
 */
import { safeText } from "../untrusted_text.ts";

/** A place to go to. */
export interface ReachTarget {
  /** A host name or a literal address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** A certificate that a server showed; its texts are fit to be shown. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  /** The names that it is for, such as `DNS:example.com`. */
  readonly names: string;
  /** In ms since the epoch; undefined where it does not parse. */
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
}

/** What a TLS handshake came to. */
export interface HandshakeFacts {
  /** Why it failed, in the words of the TLS library; undefined where it succeeded. */
  readonly problem: string | undefined;
  /** The certificates, the server's own first; as many as could be read. */
  readonly chain: readonly CertificateFacts[];
}

/** Goes to places. */
export interface Reach {
  /**
   * Connects, and ends the connection.
   *
   * @returns The address that answered, such as `93.184.216.34:443`.
   * @throws {Error} Deno's own: `ConnectionRefused`, `NotCapable`, ...; the signal's reason.
   */
  connect(target: ReachTarget, signal: AbortSignal): Promise<string>;
  /**
   * Connects and shakes hands.
   *
   * @param target Where.
   * @param caCerts Certificates in PEM that are trusted beside those of the runtime.
   * @throws {Error} As `connect`; a failed handshake is no error.
   */
  handshake(target: ReachTarget, caCerts: readonly string[], signal: AbortSignal): Promise<HandshakeFacts>;
}

/** This machine's way. */
export const systemReach: Reach = {
  connect: async ({ hostname, port }, signal) => {
    using connection = await Deno.connect({ hostname, port, signal });
    const { remoteAddr } = connection;
    const address = "hostname" in remoteAddr ? remoteAddr.hostname : hostname;
    return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  },
  handshake: async (target, caCerts, signal) => {
    const problem = await trustProblem(target, caCerts, signal);
    const chain = await chainOf(target, signal).catch(() => []);
    return { problem, chain };
  },
};

async function trustProblem(
  { hostname, port }: ReachTarget,
  caCerts: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const tcp = await Deno.connect({ hostname, port, signal });
  // Closing the connection is what ends a handshake that hangs.
  let open: Disposable = tcp;
  const onAbort = () => open[Symbol.dispose]();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const tls = await Deno.startTls(tcp, { hostname, caCerts: [...caCerts], alpnProtocols: ["http/1.1"] });
    open = tls;
    await tls.handshake();
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return safeText(error instanceof Error ? error.message : error);
  } finally {
    signal.removeEventListener("abort", onAbort);
    closeQuietly(open);
  }
}

function closeQuietly(open: Disposable): void {
  try {
    open[Symbol.dispose]();
  } catch {
    // The failed handshake has closed it.
  }
}

/** Reads the certificates of a handshake that verifies nothing; the connection is ended at once. */
async function chainOf(
  { hostname, port }: ReachTarget,
  signal: AbortSignal,
): Promise<readonly CertificateFacts[]> {
  const { connect } = await import("node:tls");
  const { promise, resolve, reject } = Promise.withResolvers<readonly CertificateFacts[]>();
  const isAddress = /^[\d.]+$|:/.test(hostname);
  const socket = connect({
    host: hostname,
    port,
    rejectUnauthorized: false,
    ...(isAddress ? {} : { servername: hostname }),
  });
  const onAbort = () => socket.destroy(new Error("cancelled"));
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once(
    "secureConnect",
    () => resolve(certificatesOf(socket.getPeerCertificate(true) as unknown as PeerCertificate)),
  );
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("closed")));
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await new Promise<void>((closed) => {
      if (socket.closed) return closed();
      socket.once("close", () => closed());
      socket.destroy();
    });
  }
}

/** What of Node's certificate objects is used. */
interface PeerCertificate {
  readonly subject?: Readonly<Record<string, unknown>>;
  readonly issuer?: Readonly<Record<string, unknown>>;
  readonly subjectaltname?: string;
  readonly valid_from?: string;
  readonly valid_to?: string;
  readonly fingerprint256?: string;
  readonly issuerCertificate?: PeerCertificate;
}

/** A chain of more is an attempt to fill the screen. */
const CHAIN_MAX = 8;

function certificatesOf(first: PeerCertificate): readonly CertificateFacts[] {
  const chain: CertificateFacts[] = [];
  const seen = new Set<string | undefined>();
  for (
    let each: PeerCertificate | undefined = first;
    each?.subject !== undefined && !seen.has(each.fingerprint256) && chain.length < CHAIN_MAX;
    each = each.issuerCertificate
  ) {
    seen.add(each.fingerprint256);
    chain.push({
      subject: nameOf(each.subject),
      issuer: nameOf(each.issuer),
      names: safeText(each.subjectaltname ?? "", 200),
      notBefore: timeOf(each.valid_from),
      notAfter: timeOf(each.valid_to),
    });
  }
  return chain;
}

/** The part of a distinguished name that people know it by. */
function nameOf(name: Readonly<Record<string, unknown>> = {}): string {
  return safeText(name.CN ?? name.O ?? name.OU ?? "", 100) || "(no name)";
}

function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}
