/**
 * The configurations of MCP hosts: where they are, which servers they have, and how a bridge gets into one.
 *
 * @module
 */
export { type BridgeCommand, bridgedName, bridgeEntry, type EntryChange } from "./bridge_entry.ts";
export {
  type BridgedServer,
  bridgeFragment,
  type ConfigText,
  readServers,
  shownChange,
  withBridge,
  withBridges,
  withoutBridge,
} from "./change.ts";
export { type ShownDiff, unifiedDiff } from "./diff.ts";
export {
  type ConfigDocument,
  type ConfigTable,
  type ConfiguredServer,
  type ConfigValue,
  readDocument,
  sameValue,
} from "./document.ts";
export { findServers, type FoundServer, type FoundServers, type PassedServer } from "./found_servers.ts";
export { type Host, HOST_IDS, type HostId, type HostMachine, type HostScope } from "./host.ts";
export { type ConfigPlace, projectConfig, touchedPlaces, userConfig } from "./place.ts";
export type { FoundHeader } from "./placeholders.ts";
export { hostOf, HOSTS, isHostId } from "./table.ts";
