/**
 * Flags that say which file of a host is meant, and whether it may be changed unasked.
 *
 * @module
 */
import type { HostScope } from "../../services/hosts/mod.ts";
import { switchFlag, valueFlag } from "./flags.ts";

/** Which file of a host, and whether it may be changed unasked. */
export type HostFileFlags = {
  readonly scope?: HostScope | undefined;
  readonly configFile?: string | undefined;
  readonly yes?: boolean | undefined;
};

/** The grammar of {@linkcode HostFileFlags}. */
export const hostFileFlags = {
  scope: {
    kind: "enum",
    values: ["user", "project"],
    brief: "Configuration of the user (user), or of the project in this folder",
    optional: true,
  },
  configFile: valueFlag("Configuration of the host, where it is elsewhere", "file"),
  yes: switchFlag("Change the host's configuration without asking; needed where nobody can answer"),
} as const;
