/**
 * What tests of a waiting bridge share: an entry that nobody is signed in to, and what its host sees.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Host, Line } from "./host.ts";
import { until } from "./processes.ts";
import type { Home } from "./program.ts";
import type { Servers } from "./servers.ts";

/** The one tool. */
export const LOGIN = "mcp_auth_login";

/** What the tool says at the end of a sign-in. */
export const SIGNED_IN = 'Signed in to "demo": what it offers can be used now.';

/** A browser that could be opened and must not be. */
export const BY_HAND = { browser: "/nonexistent/browser" } as const;

/** How many browsers came; the program itself asks whether its client is known still. */
export function visits({ as }: Servers): number {
  return as.requests("GET /auth").filter(({ headers }) => !headers.get("user-agent")?.startsWith("mcp-auth/"))
    .length;
}

/** The names in a list of tools. */
export function toolsOf({ result }: Line): readonly string[] {
  return result.tools.map(({ name }: { readonly name: string }) => name);
}

/** The text of a tool's result. */
export function textOf({ result, error }: Line): string {
  assert.equal(error, undefined, error?.message);
  return result.content[0].text;
}

/** The address that a text of the tool shows: alone on its line. */
export function addressIn(text: string): string {
  const url = /^ {2}(http\S+)$/m.exec(text)?.[1];
  assert.ok(url !== undefined, text);
  return url;
}

/** How often the host was told that a list has changed, from a line on. */
export function changes(host: Host, from = 0, kind = "tools"): number {
  const method = `notifications/${kind}/list_changed`;
  return host.lines.slice(from).filter((line) => line.method === method).length;
}

/** Waits until the host is told that a list has changed. */
export async function changed(host: Host, from: number, kind = "tools"): Promise<void> {
  const came = await until(() => changes(host, from, kind) > 0, 10_000);
  assert.ok(came, `${kind}: ${host.bridge.stdout} ${host.bridge.stderr}`);
}

/** Adds the entry "demo". */
export async function add(home: Home, servers: Servers, ...flags: readonly string[]): Promise<void> {
  const added = await home.run(["add", "demo", servers.mcp.url, ...flags]);
  assert.equal(added.code, 0, added.stderr);
}

/** Adds the entry "demo" and signs out of it. */
export async function addSignedOut(home: Home, servers: Servers, ...flags: readonly string[]): Promise<void> {
  await add(home, servers, ...flags);
  assert.equal((await home.run(["logout", "demo"])).code, 0);
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
