/**
 * What users configure: names and headers of entries, and what other programs have in their place.
 *
 * @module
 */
export { checkEntryName, entryNameFor } from "./entry_name.ts";
export { expandHeaders, parseHeader, parseHeaderLines } from "./header.ts";
export type { McpRemoteLine, OwnOption, Remark, StaticClient } from "./mcp_remote_line.ts";

/** The reading of mcp-remote's command lines; loaded when it is asked for. */
export function mcpRemoteLines(): Promise<typeof import("./mcp_remote_line.ts")> {
  return import("./mcp_remote_line.ts");
}
