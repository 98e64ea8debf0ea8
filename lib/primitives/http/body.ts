/**
 * Reads response bodies with a cap, so that no server can fill the memory.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";

/**
 * Reads a body whole.
 *
 * @param response Its body is consumed, or cancelled when too long.
 * @param maxBytes The longest body accepted.
 * @param grown Gets the length so far after each part; a promise is waited for before the next.
 * @throws {McpAuthError} `SERVER_ERROR` when it is longer; what `grown` throws.
 */
export async function readBytes(
  response: Response,
  maxBytes: number,
  grown?: (length: number) => Promise<void> | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = Number(response.headers.get("content-length"));
  if (declared > maxBytes) {
    await response.body?.cancel();
    throw tooLong(maxBytes);
  }
  if (response.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.byteLength;
    if (length > maxBytes) throw tooLong(maxBytes);
    chunks.push(chunk);
    const wait = grown?.(length);
    if (wait !== undefined) await wait;
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/**
 * Reads a body as JSON where its content type allows that it is JSON. HTML and XML never are: a single-page
 * application answers every path with its page and 200.
 *
 * @param response Its body is consumed.
 * @returns The parsed value, or undefined where the body is not JSON.
 * @see behaviours row 27
 */
export async function readJson(response: Response): Promise<unknown> {
  const type = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  const text = await response.text();
  if (
    type !== "" &&
    !/^(application\/([a-z0-9.+-]+\+)?json|text\/(json|plain)|application\/octet-stream)$/.test(type)
  ) {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tooLong(maxBytes: number): McpAuthError {
  return new McpAuthError(
    "SERVER_ERROR",
    `Cannot read the response: its body is longer than ${maxBytes} bytes`,
  );
}
