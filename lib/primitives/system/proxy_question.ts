/**
 * Asks an http proxy what it says to a connection that it refused: Deno tells that it did, and neither its status nor its
 * words.
 *
 * @see RFC 9110 section 9.3.6
 * @module
 */
import { PROXY_QUESTION_MS } from "../limits.ts";

/** What is asked. */
export interface ProxyQuestion {
  /** URL of an http proxy, with user name and password. */
  readonly proxy: string;
  /** `host:port` to connect to. */
  readonly target: string;
}

/** The beginning of an answer has its status line in it. */
const ANSWER_BYTES = 512;

/**
 * Asks for the connection, and gives it up as soon as the status is there.
 *
 * @param question The proxy and what it should connect to.
 * @returns The status; undefined where the proxy does not say one within 2 s.
 */
export async function askProxy({ proxy, target }: ProxyQuestion): Promise<number | undefined> {
  const { hostname, port, username, password } = new URL(proxy);
  let connection: Deno.TcpConn | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const exchange = async () => {
    connection = await Deno.connect({ hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 80) });
    if (over) return connection.close();
    const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const authorization = user === ":"
      ? ""
      : `Proxy-Authorization: Basic ${new TextEncoder().encode(user).toBase64()}\r\n`;
    const request = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`;
    await connection.write(new TextEncoder().encode(request));
    const bytes = new Uint8Array(ANSWER_BYTES);
    const length = await connection.read(bytes) ?? 0;
    const [, status] = /^HTTP\/1\.[01] (\d{3})\b/.exec(new TextDecoder().decode(bytes.subarray(0, length))) ??
      [];
    return status === undefined ? undefined : Number(status);
  };
  try {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    timer = setTimeout(() => resolve(undefined), PROXY_QUESTION_MS);
    return await Promise.race([promise, exchange().then((status) => status ?? undefined, () => undefined)]);
  } finally {
    over = true;
    clearTimeout(timer);
    try {
      connection?.close();
    } catch {
      // It is closed already.
    }
  }
}
