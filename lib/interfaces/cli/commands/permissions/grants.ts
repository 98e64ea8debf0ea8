/**
 * Works out what a command needs for some entries on this machine. Hosts come with their ports. A variable that is not
 * set is not granted: it reads the same. Nothing is granted that lets a program do more than this one may.
 *
 * @module
 */
import type { Env } from "../../../../primitives/system/env.ts";
import type { KeychainNeeds } from "../../../../primitives/system/keychain/keychain.ts";
import type { BrowserNeeds, Place } from "../../../../primitives/system/sandbox.ts";
import { expandHeaders } from "../../../../services/config/mod.ts";
import type {
  ClientRecord,
  CredentialRecord,
  KeystoreKind,
  ServerRecord,
} from "../../../../services/credentials/mod.ts";
import { callbackPlace, registeredPorts } from "../../../../services/signin/mod.ts";
import { connectionNeeds } from "./connections.ts";
import { machineNeeds } from "./machine.ts";
import { type CommandNeeds, type Reach, VARIABLES, type VariableUse } from "./needs.ts";

/** What Deno is to allow; everything else it is not. */
export interface Grants {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly net: readonly string[];
  readonly env: readonly string[];
  readonly run: readonly string[];
  /** Whether Deno KV is needed. */
  readonly kv: boolean;
  /** Of what more may be needed than could be worked out: it is not denied. */
  readonly open: readonly ("net" | "read" | "run" | "write")[];
  /** What that is, in words. */
  readonly notes: readonly string[];
}

/** An entry, with what is known of its authorization server. */
export interface Subject {
  readonly server: ServerRecord;
  readonly credential: CredentialRecord | undefined;
  /** The client registrations that a sign-in may use again. */
  readonly clients: readonly ClientRecord[];
  /** The variables that a sign-in reads a client of its provider from. */
  readonly variables?: readonly string[];
}

/** The machine, and the store on it. */
export interface Situation {
  readonly env: Env;
  readonly place: Place;
  /** The store's folder; undefined for a store in memory. */
  readonly home: string | undefined;
  /** The variables that say where that folder is. */
  readonly homeVariables: readonly string[];
  /** The keystore that the store is sealed by; undefined for a store that is not made yet. */
  readonly keystore: KeystoreKind | undefined;
  readonly keychain: KeychainNeeds;
  readonly browser: BrowserNeeds;
  /** The folder of mcp-remote. */
  readonly mcpRemote: string | undefined;
  /** What of a host's configuration is read and written; undefined where the command names no host. */
  readonly hostFiles?: { readonly read: readonly string[]; readonly write: readonly string[] } | undefined;
  /** The file that the command line names. */
  readonly file: string | undefined;
}

/**
 * Works out the grants.
 *
 * @param needs What the command needs.
 * @param subjects The entries that it is run for.
 * @param situation The machine.
 */
export function grantsFor(needs: CommandNeeds, subjects: readonly Subject[], situation: Situation): Grants {
  const found = new Collection(situation.env);
  if (situation.place.kind === "checkout") found.read.add(situation.place.folder);
  if (needs.store === "opened") addStore(found, situation);
  if (needs.store === "beside") addFolder(found, situation);
  for (const reach of needs.reaches) addReach(found, reach, subjects, situation);
  if (subjects.length === 0 && needs.reaches.some((reach) => OF_ENTRIES.has(reach))) {
    found.more(["net"], "There is no entry: its hosts are not known, ask again once it is added");
  }
  addConnections(found, subjects, situation);
  return {
    read: sorted(found.read),
    write: sorted(found.write),
    net: sorted(found.net),
    env: sorted(found.variables),
    run: sorted(found.run),
    kv: needs.store === "opened" && situation.home !== undefined &&
      situation.env.get("MCP_AUTH_STORE") === undefined,
    open: [...found.open],
    notes: [...found.notes],
  };
}

/** What depends on the entries. */
const OF_ENTRIES: ReadonlySet<Reach> = new Set(["refresh", "revoke", "server", "sign-in"]);

/** What the connections to the hosts that were found need. */
function addConnections(found: Collection, subjects: readonly Subject[], { env }: Situation): void {
  if (found.net.size === 0 && !found.open.has("net")) return;
  const needs = connectionNeeds(env, subjects.map(({ server }) => server), [...found.net]);
  for (const host of needs.net) found.net.add(host);
  for (const path of needs.read) found.read.add(path);
  for (const name of needs.env) found.variables.add(name);
  for (const note of needs.notes) found.notes.add(note);
}

class Collection {
  readonly read = new Set<string>();
  readonly write = new Set<string>();
  readonly net = new Set<string>();
  readonly variables = new Set<string>();
  readonly run = new Set<string>();
  readonly open = new Set<Grants["open"][number]>();
  readonly notes = new Set<string>();
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Adds the variables that are set. */
  set(names: readonly string[]): void {
    for (const name of names) if (this.#env.get(name) !== undefined) this.variables.add(name);
  }

  /** Adds the variables of a use that are set. */
  uses(use: VariableUse): void {
    this.set(Object.keys(VARIABLES).filter((name) => VARIABLES[name] === use));
  }

  /** Says of what more may be needed, and what it is. */
  more(of: Grants["open"], note: string): void {
    for (const each of of) this.open.add(each);
    this.notes.add(note);
  }

  /** Adds the host and port of a URL. */
  host(url: unknown): void {
    const parsed = typeof url === "string" ? URL.parse(url) : null;
    if (parsed !== null) this.net.add(`${parsed.hostname}:${parsed.port || PORTS[parsed.protocol]}`);
  }
}

const PORTS: Readonly<Record<string, string>> = { "https:": "443", "http:": "80" };

function addFolder(found: Collection, { home, homeVariables }: Situation): void {
  found.set(homeVariables);
  if (home !== undefined) found.read.add(home);
}

function addStore(found: Collection, situation: Situation): void {
  const { env, home, keystore } = situation;
  if (home === undefined || keystore === undefined) {
    found.set(["MCP_AUTH_KEYSTORE", "MCP_AUTH_GRANT"]);
    found.uses("token");
  }
  if (home === undefined) return;
  addFolder(found, situation);
  found.write.add(home);
  const remote = env.get("MCP_AUTH_STORE");
  if (remote !== undefined) {
    found.uses("remote");
    found.host(remote);
    found.more(
      ["net"],
      "The server of the store may name other hosts: add them where the program asks for them",
    );
  }
  switch (keystore) {
    case "env":
      found.variables.add("MCP_AUTH_KEY");
      break;
    case "passphrase":
      found.variables.add("MCP_AUTH_PASSPHRASE");
      break;
    case "keychain":
      addKeychain(found, situation);
      break;
    case undefined:
      found.set(["MCP_AUTH_KEY", "MCP_AUTH_PASSPHRASE"]);
      found.more(["run"], "The store is not made yet: ask again once it is, for what its keystore needs");
  }
}

function addKeychain(found: Collection, { keychain, env }: Situation): void {
  found.run.add(keychain.program);
  // Where the address of the bus is set, nothing else is needed to find it.
  const address = keychain.variables.filter((name) => name === BUS && env.get(name) !== undefined);
  found.set(address.length > 0 ? address : keychain.variables);
}

const BUS = "DBUS_SESSION_BUS_ADDRESS";

function addReach(
  found: Collection,
  reach: Reach,
  subjects: readonly Subject[],
  situation: Situation,
): void {
  switch (reach) {
    case "refresh":
      addMachines(found, subjects, situation);
      return eachSignedIn(found, subjects, (metadata) => found.host(metadata.token_endpoint));
    case "revoke":
      return eachSignedIn(found, subjects, (metadata) => found.host(metadata.revocation_endpoint));
    case "registration":
      for (const { credential, clients } of subjects) {
        for (const client of [credential?.client, ...clients]) found.host(client?.registrationClientUri);
      }
      return;
    case "registering":
      eachSignedIn(found, subjects, (metadata) => found.host(metadata.issuer));
      return found.more(
        ["read"],
        "Add --allow-read= for the file with the initial access token, unless that is standard input",
      );
    case "document":
      return found.more(["net"], "Add --allow-net= for the host of the document");
    case "server":
      for (const { server } of subjects) {
        found.host(server.url);
        expandHeaders(
          server.options.headers,
          (name) => (found.variables.add(name), ""),
          (path) => (found.read.add(path), ""),
        );
      }
      return;
    case "sign-in":
      return addSignIn(found, subjects, situation);
    case "mcp-remote":
      found.uses("mcp-remote");
      if (situation.env.get("MCP_REMOTE_CONFIG_DIR") === undefined) found.set(["HOME"]);
      if (situation.mcpRemote !== undefined) found.read.add(situation.mcpRemote);
      return found.more(
        ["net"],
        "Add --allow-net= for the hosts of the servers and of the issuers that they name",
      );
    case "reads-host":
    case "writes-host":
      return addHost(found, reach, situation);
    case "reads-file":
    case "writes-file":
      return addFile(found, reach, situation);
    case "writes-log":
      return addLog(found, situation);
    case "keychain":
      return addKeychain(found, situation);
    case "new-key":
      found.uses("new-key");
      return found.set(["MCP_AUTH_KEY", "MCP_AUTH_PASSPHRASE"]);
    case "program":
      found.more(["run"], "Add --allow-run= for the program that is to be started: it may do everything");
  }
}

/** A grant is run again by whoever needs a token, with scopes that are missing at its server itself. */
function addMachines(found: Collection, subjects: readonly Subject[], { env }: Situation): void {
  for (const { server, credential } of subjects) {
    const needs = machineNeeds(server.options.grant);
    for (const path of needs.read) found.read.add(path);
    for (const name of needs.env) found.variables.add(name);
    for (const url of [...needs.urls, ...needs.hostVariables.map((name) => env.get(name))]) found.host(url);
    if (server.options.grant !== undefined) found.host(credential?.issuer);
    if (needs.entry === undefined) continue;
    found.more(
      ["net"],
      `"${server.name}" signs in as "${needs.entry}": ask for both, to have the hosts of both`,
    );
  }
}

function addSignIn(found: Collection, subjects: readonly Subject[], situation: Situation): void {
  const { browser } = situation;
  addMachines(found, subjects, situation);
  found.uses("grant");
  found.uses("client");
  found.uses("surroundings");
  for (const { server, clients, credential, variables = [] } of subjects) {
    found.set(variables);
    const { source, clientId } = credential?.client ?? {};
    // The program's own document is looked at; one that the user named never is.
    const isOwn = source === "client-id-metadata" && server.options.clientMetadataUrl === undefined;
    if (isOwn) found.host(clientId);
    for (const url of Object.values(server.options.authorizationServer ?? {})) found.host(url);
    if (server.options.grant !== undefined) continue;
    const { listen } = callbackPlace(
      server.options,
      registeredPorts(clients.flatMap(({ redirectUris }) => redirectUris), server.options),
    );
    if (listen === undefined) continue;
    for (const host of [listen.hostname, ...listen.also ?? []]) {
      for (const port of listen.ports) found.net.add(`${host.includes(":") ? `[${host}]` : host}:${port}`);
    }
  }
  eachSignedIn(found, subjects, (metadata) => {
    for (const [name, url] of Object.entries(metadata)) {
      if (name === "issuer" || name.endsWith("_endpoint")) found.host(url);
    }
  });
  if (subjects.length > 0 && subjects.every(({ server }) => server.options.grant !== undefined)) return;
  if (browser.isDeno) {
    found.notes.add(
      "BROWSER starts deno, and whoever may start deno may do everything: it is not granted, and the URL is printed",
    );
    return;
  }
  for (const program of browser.programs) found.run.add(program);
  found.set(browser.variables);
}

/** The folder of the configuration: it is written beside its place first, and kept there. */
function addHost(
  found: Collection,
  reach: "reads-host" | "writes-host",
  { hostFiles }: Situation,
): void {
  found.uses("host");
  found.set(["HOME", "USERPROFILE", "LOCALAPPDATA", "PATH", "XDG_DATA_HOME", "MCP_AUTH_KEYSTORE"]);
  if (hostFiles === undefined) {
    return found.more(
      ["read", "write"],
      `Ask for one host, for where its configuration is: --command "install claude-desktop"`,
    );
  }
  for (const path of hostFiles.read) found.read.add(path);
  if (reach === "writes-host") { for (const path of hostFiles.write) found.write.add(path); }
}

function addFile(found: Collection, reach: "reads-file" | "writes-file", { file }: Situation): void {
  found.uses("export");
  const writes = reach === "writes-file";
  if (file === undefined) {
    found.more(
      writes ? ["read", "write"] : ["read"],
      writes
        ? "Say with --file which file it writes, unless that is standard output"
        : "Say with --file which file it reads, unless that is standard input",
    );
    return;
  }
  // A file is written beside its place first, and moved there.
  const path = writes ? file.replace(/[^\\/]+$/, "") || "." : file;
  found.read.add(path);
  if (writes) found.write.add(path);
}

/** A log is looked at before it is written, and what it had is kept beside it. */
function addLog(found: Collection, { file }: Situation): void {
  if (file === undefined) {
    return found.more(["read", "write"], "Say with --file which file the log is");
  }
  for (const path of [file, `${file}.1`]) {
    found.read.add(path);
    found.write.add(path);
  }
}

function eachSignedIn(
  found: Collection,
  subjects: readonly Subject[],
  use: (metadata: Readonly<Record<string, unknown>>) => void,
): void {
  for (const { server, credential } of subjects) {
    if (credential !== undefined) use({ issuer: credential.issuer, ...credential.authorizationServer });
    else if (server.signIn === "oauth") {
      found.more(
        ["net"],
        `"${server.name}" is not signed in: the hosts of its authorization server are not known, ask again after ` +
          `mcp-auth login ${server.name}`,
      );
    }
  }
}

function sorted(values: ReadonlySet<string>): readonly string[] {
  return [...values].sort();
}
