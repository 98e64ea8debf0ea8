/**
 * Servers that the tests of refreshing share: a real authorization server that rotates refresh tokens and ends the
 * sign-in of whoever presents one twice, whose tokens live as long as the test says.
 *
 * @module
 */
import assert from "node:assert/strict";
import type {
  AuthorizationServer,
  AuthorizationServerOptions,
} from "../../scripts/demo/servers/authorization_server.ts";
import { Home, type ProgramOptions } from "./program.ts";
import { type Servers, startServers } from "./servers.ts";

/** A life in seconds that is over before the next command starts. */
export const OVER_AT_ONCE = 0.001;

/** Servers whose token endpoint says what the test wants it to say. */
export interface Refreshing extends Servers {
  /** Seconds, as the token endpoint says; the tokens live an hour. */
  life: number;
  /** Changes the answer further. */
  shape: (body: Record<string, unknown>) => unknown;
  /** Changes what the server publishes of itself. */
  metadata: (body: Record<string, unknown>) => unknown;
}

/** Starts them. */
export async function startRefreshing(
  as: Omit<AuthorizationServerOptions, "edit"> = {},
): Promise<Refreshing> {
  const said: Pick<Refreshing, "life" | "shape" | "metadata"> = {
    life: 3600,
    shape: (body) => body,
    metadata: (body) => body,
  };
  const servers = await startServers({
    as: {
      ...as,
      edit: {
        metadata: (body) => said.metadata(body),
        token: (body) => "access_token" in body ? said.shape({ ...body, expires_in: said.life }) : body,
      },
    },
  });
  return Object.assign(said, servers);
}

/** The refresh tokens that were presented, in order. */
export function presented(as: AuthorizationServer): readonly (string | null)[] {
  return as.requests("POST /token")
    .filter(({ form }) => form.get("grant_type") === "refresh_token")
    .map(({ form }) => form.get("refresh_token"));
}

/** Checks what a server with reuse detection would have answered by ending the sign-in. */
export function assertNonePresentedTwice(as: AuthorizationServer): void {
  const all = presented(as);
  assert.equal(new Set(all).size, all.length, "a refresh token was presented twice");
}

/** Whether the MCP server takes a token. */
export async function isAccepted({ mcp }: Servers, token: string): Promise<boolean> {
  const response = await fetch(mcp.url, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token.trim()}` },
  });
  await response.body?.cancel();
  return response.status !== 401;
}

/** Adds the entry `demo`, signed in. */
export async function signIn(home: Home, servers: Servers, options: ProgramOptions = {}): Promise<void> {
  const added = await home.run(["add", "demo", servers.mcp.url], options);
  assert.equal(added.code, 0, added.stderr);
}

/** Signs in and has the token be over by the time the next command starts; the refresh for that is the first. */
export async function signInWithTokenThatIsOver(home: Home, servers: Refreshing): Promise<void> {
  await signIn(home, servers);
  servers.life = OVER_AT_ONCE;
  assert.equal((await home.run(["refresh", "demo"])).code, 0);
}

/** Runs an operation on servers and a home of its own. */
export async function apart(operation: (servers: Refreshing, home: Home) => Promise<void>): Promise<void> {
  await using servers = await startRefreshing();
  await using home = await Home.make();
  await operation(servers, home);
}

/** Waits, in milliseconds. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
