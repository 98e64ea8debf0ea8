/**
 * Vendors' authorization servers as they are documented to answer, on loopback: what is odd about each of them is odd
 * here. What a vendor does properly, the server under them does.
 *
 * @module
 */
import type { Received } from "../primitives/http/local_server.ts";
import { back, type BentOptions, type BentServer, startBentServer } from "../services/signin/bent_server.ts";
import type { Home } from "./program.ts";

/** A vendor that runs. */
export interface Vendor extends AsyncDisposable {
  readonly origin: string;
  readonly server: BentServer;
  /** The requests to a path. */
  requests(path: string): readonly Received[];
  /** The forms that the token endpoint got. */
  readonly forms: readonly URLSearchParams[];
}

/** Starts a vendor's server that knows one client, `vendor-client` with secret `vendor-secret`. */
export function startVendor(options: BentOptions): Vendor {
  const server = startBentServer(options);
  server.clients.set("vendor-client", "vendor-secret");
  const requests = (path: string) => server.received.filter(({ url }) => url.pathname === path);
  return {
    origin: server.origin,
    server,
    requests,
    get forms() {
      return requests("/token").map(({ body }) => new URLSearchParams(body));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The client as a user of the vendor's has it in the environment. */
export function clientOf(provider: string): Readonly<Record<string, string>> {
  return {
    [`${provider.toUpperCase()}_CLIENT_ID`]: "vendor-client",
    [`${provider.toUpperCase()}_CLIENT_SECRET`]: "vendor-secret",
  };
}

/** Points a provider at a vendor's server on loopback: it stays what it is otherwise. */
export async function pointAt(
  home: Home,
  provider: string,
  vendor: Vendor,
  flags: readonly string[] = [],
): Promise<void> {
  const { origin } = vendor;
  const outcome = await home.run([
    "provider",
    "add",
    provider,
    "--like",
    provider,
    "--authorization-endpoint",
    `${origin}/authorize`,
    "--token-endpoint",
    `${origin}/token`,
    "--url",
    `${origin}/api`,
    ...flags,
  ]);
  if (outcome.code !== 0) throw new Error(outcome.stderr);
}

/**
 * GitHub: errors with status 200, answers as a form unless JSON is asked for, scopes with commas, no expiry, the client's
 * secret in the body alone, and words of its own.
 */
export function startGithub(options: { readonly error?: string } = {}): Vendor {
  const vendor: Vendor = startVendor({
    authorize: (query) =>
      query.get("client_id") === "vendor-client" ? undefined : new Response("Not Found", { status: 404 }),
    token: ({ form, basic }, server) => {
      const fail = (error: string) =>
        new Response(
          new URLSearchParams({
            error,
            error_description: `${error} happened`,
            error_uri: "https://x.example",
          }),
          { headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" } },
        );
      if (options.error !== undefined) return fail(options.error);
      const isClient = basic === undefined && form.get("client_id") === "vendor-client" &&
        form.get("client_secret") === "vendor-secret";
      if (!isClient) return fail("incorrect_client_credentials");
      if (form.get("grant_type") === "refresh_token") return fail("bad_refresh_token");
      if (!server.codes.delete(form.get("code") ?? "")) return fail("bad_verification_code");
      return new Response(
        new URLSearchParams({
          access_token: "gho_token",
          refresh_token: "ghr_token",
          scope: "read:user,repo",
          token_type: "bearer",
        }),
        { headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" } },
      );
    },
    other: {
      "/user": ({ headers }) =>
        headers.get("authorization") === "Bearer gho_token"
          ? Response.json({ login: "octocat", id: 1, name: "The Octocat", email: null })
          : Response.json({ message: "Bad credentials" }, { status: 401 }),
    },
  });
  return vendor;
}

/** Slack: `ok` says whether it went well, and a person's tokens stand in `authed_user`. */
export function startSlack(options: { readonly error?: string } = {}): Vendor {
  return startVendor({
    token: ({ form }, server) => {
      if (options.error !== undefined) return Response.json({ ok: false, error: options.error });
      if (!server.codes.delete(form.get("code") ?? "")) {
        return Response.json({ ok: false, error: "invalid_code" });
      }
      return Response.json({
        ok: true,
        app_id: "A0",
        access_token: null,
        authed_user: { id: "U0", scope: "users:read,chat:write", access_token: "xoxp-1", token_type: "user" },
        team: { id: "T0" },
      });
    },
  });
}

/** A site of Atlassian's as `accessible-resources` lists it. */
export interface AtlassianSite {
  readonly id: string;
  readonly name: string;
  readonly url: string;
}

/** Atlassian: wants an audience and consent, and lists the sites of the account. */
export function startAtlassian(sites: readonly AtlassianSite[]): Vendor {
  return startVendor({
    authorize: (query) =>
      query.get("audience") === "api.atlassian.com" && query.get("prompt") === "consent"
        ? undefined
        : back(query, { error: "invalid_request", error_description: "audience is required" }),
    other: {
      "/oauth/token/accessible-resources": ({ headers }) =>
        headers.get("authorization")?.startsWith("Bearer at-")
          ? Response.json(
            sites.map((site) => ({ ...site, scopes: ["read:jira-work"], avatarUrl: `${site.url}/a.png` })),
          )
          : new Response(null, { status: 401 }),
    },
  });
}

/** Where a server that refuses the `resource` parameter does so. */
export type RefusalPlace = "authorize" | "exchange" | "refresh";

/** Entra: refuses `resource` with a code of its own, and refreshes that name no scopes. */
export function entra(places: readonly RefusalPlace[], wantsScope = false): BentOptions {
  const words =
    "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes";
  return {
    tokens: { expires_in: 3600 },
    authorize: (query) =>
      places.includes("authorize") && query.has("resource")
        ? back(query, { error: "invalid_target", error_description: words })
        : undefined,
    token: ({ form }) => {
      const isRefresh = form.get("grant_type") === "refresh_token";
      if (places.includes(isRefresh ? "refresh" : "exchange") && form.has("resource")) {
        return Response.json({ error: "invalid_request", error_description: words }, { status: 400 });
      }
      if (!isRefresh) return undefined;
      if (wantsScope && !form.has("scope")) {
        return Response.json({
          error: "invalid_request",
          error_description: "AADSTS90009: Application is requesting a token for itself",
        }, { status: 400 });
      }
      return Response.json({
        access_token: `at-${crypto.randomUUID()}`,
        refresh_token: `rt-${crypto.randomUUID()}`,
        token_type: "Bearer",
        expires_in: "3600",
      });
    },
  };
}
