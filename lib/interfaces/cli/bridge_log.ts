/**
 * The log that `--log-file` asks for: what `--verbose` would say, and a line for each message, with their times and
 * without secrets. A log that cannot be written is one warning and no reason to end.
 *
 * @see behaviours rows 41 and 48
 * @module
 */
import { asMcpAuthError } from "../../primitives/errors.ts";
import { redact } from "../../primitives/http/redaction.ts";
import { LOG_FLUSH_MS, LOG_LINE_MAX_CHARS } from "../../primitives/bridge_limits.ts";
import { pause } from "../../primitives/system/clock.ts";
import { LogFile } from "../../primitives/system/log_file.ts";
import { absolutePath } from "../../primitives/system/named_file.ts";
import { processId } from "../../primitives/system/process_id.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { VERSION } from "../../primitives/version.ts";
import type { CliContext } from "./context.ts";

/**
 * Runs a bridge with a log.
 *
 * @param context The command's context, whose lines go to the log as well.
 * @param path The file, as it was named.
 * @param run Runs the bridge; gets what takes the lines about messages.
 * @throws What the bridge throws, which the log then has as well.
 */
export async function withBridgeLog(
  context: CliContext,
  path: string,
  run: (record: (line: string) => void) => Promise<void>,
): Promise<void> {
  const file = new LogFile({
    path: absolutePath(path),
    failed: ({ message }) =>
      context.terminal.err(`Warning: ${message}. The bridge goes on without its log\n`),
  });
  // Bridges may share a file.
  const pid = processId();
  const write = (line: string) =>
    file.write(`${new Date().toISOString()} ${pid} ${redact(safeText(line, LOG_LINE_MAX_CHARS))}`);
  context.alsoTo(write);
  write(`mcp-auth ${VERSION}: the bridge begins`);
  try {
    await run(write);
    write("the bridge ends");
  } catch (error) {
    const { code, message } = asMcpAuthError(error, "SERVER_ERROR", "run the bridge");
    write(`the bridge ends: [${code}] ${message}`);
    throw error;
  } finally {
    const limit = new AbortController();
    await Promise.race([file.flushed(), pause(LOG_FLUSH_MS, limit.signal).catch(() => {})]);
    limit.abort();
  }
}
