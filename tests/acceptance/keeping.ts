/**
 * What the tests of keeping credentials share: time that passes for a token, the library beside the program, and the
 * secrets that a server has issued, to look for where none may be.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Services } from "../../lib/interfaces/composition/services.ts";
import { systemPorts } from "../../lib/interfaces/composition/system_ports.ts";
import { type ClientOptions, createClient, type McpAuthClient, type Result } from "../../lib/mod.ts";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import type { AuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import type { Outcome } from "./outcome.ts";
import type { Home, ProgramOptions } from "./program.ts";

/** A minute, in milliseconds. */
export const MINUTE = 60_000;

/** Runs the program, which must succeed. */
export async function done(
  home: Home,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Outcome> {
  const outcome = await home.run(args, options);
  assert.equal(outcome.code, 0, `${args.join(" ")}: ${outcome.stdout}${outcome.stderr}`);
  return outcome;
}

/** The library over the store of a home, with a browser whose user approves. */
export function libraryIn(home: Home, options: ClientOptions = {}): McpAuthClient {
  const openBrowser = async (url: string) => void await browse(url);
  return createClient({ home: home.store, keystore: "file", openBrowser, ...options });
}

/** The value of a result that must be one. */
export function valueOf<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw result.error;
}

/** Lets time pass for the tokens of an entry: they were issued, and expire, that many milliseconds earlier. */
export async function letPass(home: Home, name: string, ms: number): Promise<void> {
  using services = new Services(systemPorts(), { home: home.store, keystore: "file" });
  const found = await services.store.credential(name);
  assert.ok(found?.record.expiresAt !== undefined);
  const { record, version } = found;
  const older = { ...record, obtainedAt: record.obtainedAt - ms, expiresAt: found.record.expiresAt - ms };
  assert.notEqual(await services.store.changeCredential(name, version, older), undefined);
}

const ISSUED = ["access_token", "refresh_token", "id_token", "client_secret", "registration_access_token"];
const SHOWN = ["code", "code_verifier", "refresh_token", "client_secret", "token"];

/** Every secret that an authorization server has issued or was shown. */
export function secretsOf({ log }: Pick<AuthorizationServer, "log">): ReadonlySet<string> {
  const found = log.flatMap(({ answer, form, query, headers }) => [
    ...ISSUED.map((name) => answer?.[name]),
    ...SHOWN.map((name) => form.get(name)),
    ...["state", "code_challenge"].map((name) => query.get(name)),
    headers.get("authorization")?.replace(/^\w+ /, ""),
  ]);
  return new Set(
    found.filter((secret): secret is string => typeof secret === "string" && secret.length > 8),
  );
}

/** Checks that bytes hold none of some secrets, not even sixteen characters of one. */
export function assertWithout(bytes: Uint8Array | string, secrets: Iterable<string>, where: string): void {
  const text = typeof bytes === "string" ? bytes : new TextDecoder("latin1").decode(bytes);
  for (const secret of secrets) {
    for (let at = 0; at === 0 || at + 16 <= secret.length; at += 8) {
      assert.ok(!text.includes(secret.slice(at, at + 16)), `${where} holds ${secret.slice(0, 8)}...`);
    }
  }
}

/** The files of a folder and of those in it, by path. */
export async function filesIn(folder: string): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const { name, isFile, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) files.push(...await filesIn(`${folder}/${name}`));
    if (isFile) files.push(`${folder}/${name}`);
  }
  return files;
}

/** The permission bits of a file or folder. */
export async function modeOf(path: string): Promise<number> {
  return (await Deno.stat(path)).mode! & 0o777;
}
