/**
 * `mcp-auth permissions`: the action.
 *
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import type { Env } from "../../../../primitives/system/env.ts";
import { keychainNeeds } from "../../../../primitives/system/keychain/keychain.ts";
import { dataFolder, pathIn } from "../../../../primitives/system/paths.ts";
import { shellWord } from "../../../../primitives/system/permissions.ts";
import { browserNeeds, programPlace } from "../../../../primitives/system/sandbox.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { entryShape } from "../../../../services/credentials/mod.ts";
import { clientVariables } from "../../../../services/providers/mod.ts";
import { redirectShape } from "../../../../services/signin/mod.ts";
import { noSuchEntry } from "../../../../services/tokens/mod.ts";
import type { Action, CommonFlags } from "../../command.ts";
import type { CliContext } from "../../context.ts";
import { requireEntry } from "../../entry.ts";
import { configurationOf, flagsOf, PERMISSION_SET, permissionSetOf } from "./form.ts";
import { grantsFor, type Situation, type Subject } from "./grants.ts";
import { COMMAND_NEEDS, type CommandNeeds } from "./needs.ts";

/** The flags of the command. */
export type PermissionsFlags = CommonFlags & {
  readonly command?: string | undefined;
  readonly format?: "flags" | "config" | undefined;
  readonly file?: string | undefined;
};

/** Prints permissions. */
export const action: Action<PermissionsFlags, [string?]> = async (context, flags, name) => {
  const command = flags.command?.trim().replace(/\s+/g, " ") ?? "token";
  const needs = needsOf(command);
  const subjects = needs.store === "opened" ? await subjectsOf(context, flags, name) : [];
  const situation = await situationOf(context, flags, command, needs);
  const grants = grantsFor(needs, subjects, situation);
  const notes = [
    ...(situation.place.kind === "binary"
      ? ["This program is compiled and has its permissions built in: these are for running it with deno"]
      : []),
    ...grants.notes,
  ];
  for (const note of notes) context.say(`Note: ${note}`);
  if (flags.format === "config" && !flags.json) {
    context.say(`Add this to deno.json, and run: deno run --no-prompt -P=${PERMISSION_SET} ...`);
  }
  context.print(
    flags,
    {
      command,
      entries: subjects.map(({ server }) => server.name),
      flags: flagsOf(grants),
      permissions: permissionSetOf(grants),
      notes,
    },
    flags.format === "config"
      ? JSON.stringify(configurationOf(grants), null, 2)
      : flagsOf(grants).map(shellWord).join(" "),
  );
};

function needsOf(command: string): CommandNeeds {
  const needs = Object.hasOwn(COMMAND_NEEDS, command) ? COMMAND_NEEDS[command] : undefined;
  if (needs !== undefined) return needs;
  throw new McpAuthError(
    "USAGE",
    `Cannot tell what "${safeText(command, 60)}" needs: there is no such command`,
    {
      hint: `Use one of: ${Object.keys(COMMAND_NEEDS).join(", ")}`,
    },
  );
}

/** The entry of a name, or all, with the registrations that a sign-in to it may use again. */
async function subjectsOf(
  context: CliContext,
  flags: PermissionsFlags,
  name: string | undefined,
): Promise<readonly Subject[]> {
  const store = context.store(flags);
  const names = name === undefined
    ? (await store.servers()).map(({ record }) => record.name)
    : [(await requireEntry(context, flags, name)).record.name];
  return await Promise.all(names.map(async (each) => {
    const found = await store.serverWithCredential(each);
    if (found === undefined) throw noSuchEntry(each);
    const credential = found.credential?.record;
    const clients = credential === undefined ? [] : await Promise.all(
      [entryShape(each), await redirectShape(found.server.record.options)]
        .map((shape) => store.client(credential.issuer, shape)),
    );
    // Of a provider that is not there any more nothing is known; the sign-in says so.
    const provider = await context.services(flags).provider(found.server.record).catch(() => undefined);
    const variables = provider?.trusted ? Object.values(clientVariables(provider.template.name)) : [];
    return {
      server: { ...found.server.record, options: provider?.options ?? found.server.record.options },
      variables,
      credential,
      clients: clients.filter((client) => client !== undefined),
    };
  }));
}

async function situationOf(
  context: CliContext,
  flags: PermissionsFlags,
  command: string,
  needs: CommandNeeds,
): Promise<Situation> {
  const { env } = context;
  const home = needs.store !== "not" && !context.store(flags).inMemory ? dataFolder(env) : undefined;
  return {
    env,
    place: programPlace(import.meta.url),
    home,
    homeVariables: home === undefined ? [] : homeVariables(env, home),
    keystore: home === undefined || needs.store !== "opened"
      ? undefined
      : await context.store(flags).keystoreKind(),
    keychain: keychainNeeds(),
    browser: browserNeeds(env),
    mcpRemote: needs.reaches.includes("mcp-remote") ? await remoteFolder(env) : undefined,
    hostFiles: await hostFiles(context, command),
    file: flags.file,
  };
}

/** As few variables as lead to the folder; they are tried, so that no rule is written down twice. */
function homeVariables(env: Env, home: string): readonly string[] {
  const leadsThere = (names: readonly string[]) => {
    try {
      return dataFolder({ get: (name) => names.includes(name) ? env.get(name) : undefined }) === home;
    } catch {
      return false;
    }
  };
  let needed = ["MCP_AUTH_HOME", "XDG_DATA_HOME", "HOME", "LOCALAPPDATA"];
  for (const name of needed.toReversed()) {
    const fewer = needed.filter((each) => each !== name);
    if (leadsThere(fewer)) needed = fewer;
  }
  return needed;
}

/** Where the configuration is of the host that a command names. */
async function hostFiles(context: CliContext, command: string): Promise<Situation["hostFiles"]> {
  const { hostOf, isHostId, touchedPlaces } = await import("../../../../services/hosts/mod.ts");
  const id = command.split(" ")[1];
  if (!isHostId(id)) return undefined;
  const { hostMachine } = await import("../../host_config.ts");
  return touchedPlaces(hostOf(id), await hostMachine(context));
}

async function remoteFolder(env: Env): Promise<string> {
  const { homeFolder } = await import("../../../../primitives/system/foreign_folder.ts");
  return env.get("MCP_REMOTE_CONFIG_DIR") ?? pathIn(homeFolder(env), ".mcp-auth");
}
