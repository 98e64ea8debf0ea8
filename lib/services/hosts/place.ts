/**
 * Where the configuration of a host is on this machine.
 *
 * @module
 */
import { folderOf, pathIn } from "../../primitives/system/paths.ts";
import type { Host, HostMachine } from "./host.ts";

/** A configuration to work on. */
export interface ConfigPlace {
  readonly file: string;
  /** A folder that is there where the host is; the file may be made in it. */
  readonly folder: string;
}

/**
 * Finds the configuration of the user.
 *
 * @param host The host.
 * @param machine The machine.
 * @param isFolder Looks whether there is a folder.
 */
export async function userConfig(
  host: Host,
  machine: HostMachine,
  isFolder: (path: string) => Promise<boolean>,
): Promise<ConfigPlace> {
  const places = host.places(machine);
  for (const place of places) if (await isFolder(place.folder)) return place;
  return places.at(-1)!;
}

/**
 * The configuration of the project in a folder.
 *
 * @param host The host.
 * @param folder The folder of the project.
 * @returns Undefined where the host has none for projects.
 */
export function projectConfig(host: Host, folder: string): ConfigPlace | undefined {
  return host.project === undefined ? undefined : { file: pathIn(folder, ...host.project), folder };
}

/** The folders that finding and changing a user's configuration reads and writes, for permissions. */
export function touchedPlaces(
  host: Host,
  machine: HostMachine,
): { readonly read: readonly string[]; readonly write: readonly string[] } {
  const places = host.places(machine);
  const write = [...new Set(places.map(({ file }) => folderOf(file)))];
  return { read: [...new Set([...write, ...places.map(({ folder }) => folder)])], write };
}
