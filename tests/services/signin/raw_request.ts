/**
 * Requests byte by byte, for what `fetch` would not send: another Host, a half request, an old protocol.
 *
 * @module
 */

/**
 * Sends bytes to a port on loopback and reads the answer to its end.
 *
 * @param port The port.
 * @param bytes The request, with its line ends.
 * @returns The status line and what follows; "" where the connection was closed without an answer.
 */
export async function sendRaw(port: number, bytes: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(bytes));
  let text = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16_384);
  for (;;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) return text;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
}

/** The status of an answer; 0 where there is none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.[01] (\d+)/.exec(answer)?.[1] ?? 0);
}

/** The port of a redirect URI. */
export function portOf(redirectUri: string): number {
  return Number(new URL(redirectUri).port);
}
