/**
 * Moving entries: between machines, sealed by a passphrase, and from other programs.
 *
 * @module
 */
export { checkPassphrase } from "./document.ts";
export { type ExportedEntry, exportEntries, type ExportRequest, type TransferPorts } from "./export.ts";
export { importEntries, type ImportRequest, readExport, renameEntries } from "./import.ts";
export {
  type BindingRequest,
  type BoundEntry,
  type CurrentServer,
  notedIssuer,
  toEntry,
} from "./mcp_remote/binding.ts";
export { readRemoteFolder, type RemoteFolder, type RemoteState } from "./mcp_remote/folder.ts";
export { type Recognition, recognize, type RecognizedState } from "./mcp_remote/recognition.ts";
export type { RemoteClient, RemoteTokens } from "./mcp_remote/state.ts";
