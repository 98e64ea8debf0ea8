/**
 * What users configure: names and headers of entries.
 *
 * @module
 */
export { checkEntryName, entryNameFor } from "./entry_name.ts";
export { expandHeaders, parseHeader, parseHeaderLines } from "./header.ts";
