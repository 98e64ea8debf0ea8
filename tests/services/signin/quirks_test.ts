/**
 * Every row of the table of quirks, at a server that has it: the type of the table below leaves none out. Beside them,
 * that the table and the code know each other.
 *
 * @see behaviours rows 7, 8, 20, 22, 24, 25, 27 and 30
 * @module
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import {
  isQuirk,
  NAMEABLE_QUIRKS,
  type QuirkName,
  QUIRKS,
  quirksOfIssuer,
} from "../../../lib/primitives/oauth/quirks/table.ts";
import {
  isOneParty,
  refusesResourceItself,
  refusesResourceParameter,
} from "../../../lib/primitives/oauth/quirks/resource_refusal.ts";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import { AuthorizationRefusal } from "../../../lib/primitives/oauth/authorization.ts";
import { mayOmitResource, withResourceHint } from "../../../lib/services/signin/quirks.ts";
import type { ServerOptions } from "../../../lib/services/credentials/mod.ts";
import { entra } from "../../acceptance/vendors.ts";
import { coded } from "../../primitives/coded_error.ts";
import { back, type BentOptions, type BentServer, type Json, startBentServer } from "./bent_server.ts";
import { type SigningIn, signingIn } from "./signing_in.ts";

type Scene = SigningIn & { readonly server: BentServer };

/** Signs in at a server that is bent like this. */
async function at<T>(options: BentOptions, use: (scene: Scene) => Promise<T>): Promise<T> {
  await using server = startBentServer(options);
  using signing = signingIn();
  return await use(Object.assign(signing, { server }));
}

/** The tokens of a sign-in whose exchange is answered like this. */
async function tokensFrom(answer: () => Response) {
  return await at({ token: answer }, async (scene) => await scene.signIn("x", scene.server.url));
}

const form = (members: Record<string, string>) =>
  new Response(new URLSearchParams(members), {
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
const TOKEN = { access_token: "at", token_type: "Bearer" };

/** The resource of each request to the endpoints of people and tokens. */
function resources({ server }: Scene): readonly (string | null)[] {
  return server.received.flatMap(({ url, body }) => {
    if (url.pathname === "/authorize") return [url.searchParams.get("resource")];
    return url.pathname === "/token" ? [new URLSearchParams(body).get("resource")] : [];
  });
}

async function withMetadata(metadata: (origin: string) => Json, options?: ServerOptions) {
  return await at(
    { metadata },
    async (scene) => await scene.signIn("x", scene.server.url, options === undefined ? {} : { options }),
  );
}

const ROWS: Readonly<Record<QuirkName, () => Promise<void>>> = {
  "error-with-200": async () => {
    const words = coded("AUTH_FAILED", /answered 200 with an error: expired_code \(Too late\)$/);
    await rejects(
      tokensFrom(() => Response.json({ error: "expired_code", error_description: "Too late" })),
      words,
    );
  },
  "ok-false": async () => {
    await rejects(
      tokensFrom(() => Response.json({ ok: false, error: "invalid_code", access_token: "at" })),
      coded("AUTH_FAILED", /answered 200 with an error: invalid_code$/),
    );
    await rejects(
      tokensFrom(() => Response.json({ ok: false })),
      coded("AUTH_FAILED", /200 with an error: unknown$/),
    );
  },
  "own-error-codes": async () => {
    // As invalid_client it is the client that is not accepted, and the code is not to blame.
    await at({ token: () => form({ error: "incorrect_client_credentials" }) }, async (scene) => {
      scene.server.clients.set("own", "wrong");
      const given = { clientId: "own", clientSecret: "secret" };
      const refused = scene.signIn("x", scene.server.url, { given });
      await rejects(
        refused,
        coded("REGISTRATION_FAILED", /does not accept it.*incorrect_client_credentials/),
      );
    });
  },
  "form-encoded-answer": async () => {
    const { accessToken, refreshToken } = await tokensFrom(() =>
      form({ access_token: "a+b", token_type: "bearer", refresh_token: "r" })
    );
    deepEqual([accessToken, refreshToken], ["a+b", "r"]);
  },
  "null-members": async () => {
    const credential = await tokensFrom(() =>
      Response.json({ ...TOKEN, refresh_token: null, scope: "", expires_in: null, error: null })
    );
    deepEqual([credential.refreshToken, credential.expiresAt, credential.grantedScopes], [
      undefined,
      undefined,
      ["files"],
    ]);
    await withMetadata(() => ({
      revocation_endpoint: null,
      scopes_supported: [],
      device_authorization_endpoint: "",
    }));
  },
  "odd-expires-in": async () => {
    const lives = async (expires_in: unknown) => {
      const { expiresAt, obtainedAt } = await tokensFrom(() => Response.json({ ...TOKEN, expires_in }));
      return expiresAt === undefined ? undefined : (expiresAt - obtainedAt) / 1000;
    };
    deepEqual(await lives("3600"), 3600);
    deepEqual(await lives(0), undefined);
    deepEqual(await lives("soon"), undefined);
  },
  "odd-token-type": async () => {
    for (const token_type of [undefined, null, "bearer ", "BearerToken", "access_token", "user"]) {
      const { tokenType } = await tokensFrom(() => Response.json({ ...TOKEN, token_type }));
      equal(tokenType, "bearer", String(token_type));
    }
    for (const token_type of ["mac", "N_A", 1]) {
      await rejects(tokensFrom(() => Response.json({ ...TOKEN, token_type })), coded("AUTH_FAILED"));
    }
  },
  "scope-list": async () => {
    const scopes = async (scope: unknown) =>
      (await tokensFrom(() => Response.json({ ...TOKEN, scope }))).grantedScopes;
    deepEqual(await scopes("repo,gist"), ["repo", "gist"]);
    deepEqual(await scopes(["a", "b"]), ["a", "b"]);
    deepEqual(await scopes([]), ["files"]);
    deepEqual(await scopes("a,b c"), ["a,b", "c"]);
  },
  "nested-user-token": async () => {
    const user = {
      id: "U",
      access_token: "xoxp",
      refresh_token: "xoxe",
      token_type: "user",
      expires_in: 43200,
    };
    const nested = await tokensFrom(() => Response.json({ ok: true, authed_user: user }));
    deepEqual([nested.accessToken, nested.refreshToken], ["xoxp", "xoxe"]);
    const both = await tokensFrom(() => Response.json({ ok: true, ...TOKEN, authed_user: user }));
    deepEqual([both.accessToken, both.refreshToken], ["at", undefined]);
  },
  "issuer-slash": async () => {
    const { issuer } = await withMetadata((origin) => ({ issuer: `${origin}/` }));
    ok(issuer.endsWith("/"));
    await rejects(
      withMetadata((origin) => ({ issuer: `${origin}/tenant` })),
      coded("ISSUER_MISMATCH", /its issuer is "http:.*\/tenant", expected "http:/),
    );
  },
  "html-well-known": async () => {
    const page = () => new Response("<!doctype html><p>App", { headers: { "content-type": "text/html" } });
    const path = "/.well-known/oauth-protected-resource/mcp";
    await at({ other: { [path]: page } }, async (scene) => {
      equal((await scene.signIn("x", scene.server.url)).resource, undefined);
    });
  },
  "registration-200": async () => {
    const register = (_: Json, { clients }: BentServer) => {
      clients.set("c", undefined);
      return Response.json({ client_id: "c" });
    };
    await at({ register }, async (scene) => {
      equal((await scene.signIn("x", scene.server.url)).client.clientId, "c");
    });
  },
  "no-secret-expiry": async () => {
    await at({ registration: () => ({ client_secret: "s3cr3t-of-it", client_id: "c" }) }, async (scene) => {
      const { client } = await scene.signIn("x", scene.server.url);
      deepEqual([client.clientSecret, client.clientSecretExpiresAt], ["s3cr3t-of-it", undefined]);
    });
  },
  "client-allow-list": async () => {
    await at({ register: () => new Response("Forbidden", { status: 403 }) }, async (scene) => {
      await rejects(scene.signIn("x", scene.server.url), (error: Error & { hint?: string }) => {
        match(error.message, /\(403\): "Forbidden"/);
        match(error.hint ?? "", /--client-name <name>/);
        return true;
      });
      // Nobody else's name was tried.
      const names = scene.server.received.filter(({ url }) => url.pathname === "/register")
        .map(({ body }) => JSON.parse(body).client_name);
      deepEqual(names, ["mcp-auth"]);
    });
  },
  "wrong-auth-method": async () => {
    const token: BentOptions["token"] = ({ basic }, server) =>
      basic === undefined ? undefined : server.refuse("invalid_client");
    await at(
      { token, registration: () => ({ client_id: "c", client_secret: "s3cr3t-of-it" }) },
      async (scene) => {
        const { client } = await scene.signIn("x", scene.server.url);
        equal(client.tokenEndpointAuthMethod, "client_secret_post");
        equal((await scene.client(scene.server.origin))?.tokenEndpointAuthMethod, "client_secret_post");
      },
    );
  },
  "omit-resource": async () => {
    await at(entra(["authorize"]), async (scene) => {
      const credential = await scene.signIn("x", scene.server.url);
      equal(credential.resource, undefined);
      deepEqual(credential.quirks, ["omit-resource"]);
      deepEqual(resources(scene), [scene.server.url, null, null]);
      deepEqual((await scene.store.server("x"))?.record.options.quirks, ["omit-resource"]);
      equal(scene.told.filter(({ kind }) => kind === "resource-omitted").length, 1);
      await scene.signIn("x", scene.server.url);
      deepEqual(resources(scene).slice(3), [null, null, null]); // The question whether the client is known, too.
    });
    await at(entra(["exchange"]), async (scene) => {
      await scene.signIn("x", scene.server.url);
      // The same code once more, and nobody had to approve again.
      deepEqual(resources(scene), [scene.server.url, scene.server.url, null]);
      equal(scene.opened.length, 1);
      deepEqual((await scene.store.server("x"))?.record.options.quirks, ["omit-resource"]);
    });
    await at(entra(["authorize"]), async (scene) => {
      await scene.signIn("x", scene.server.url, { options: { quirks: ["omit-resource"] } });
      deepEqual(resources(scene), [null, null]);
    });
    await at(entra(["authorize"]), async (scene) => {
      const options = { resource: scene.server.url };
      await rejects(scene.signIn("x", scene.server.url, { options }), coded("AUTH_FAILED", /AADSTS9010010/));
      deepEqual(resources(scene), [scene.server.url]); // The user asked for it.
    });
  },
  "repeat-scope": () => Promise.resolve(), // At refreshes: tests/services/tokens/refresh_quirks_test.ts.
  "offline-parameters": async () => {
    await at({}, async (scene) => {
      const options = { quirks: ["offline-parameters"], authorizeParameters: { prompt: "select_account" } };
      await scene.signIn("x", scene.server.url, { options });
      const { searchParams } = new URL(scene.opened[0]!);
      deepEqual([searchParams.get("access_type"), searchParams.get("prompt")], ["offline", "select_account"]);
      await scene.signIn("y", scene.server.url);
      equal(new URL(scene.opened[1]!).searchParams.has("access_type"), false);
    });
  },
  "assume-pkce": async () => {
    const silent = () => ({ code_challenge_methods_supported: null });
    await rejects(withMetadata(silent), coded("DISCOVERY_FAILED", /S256/));
    await withMetadata(silent, { quirks: ["assume-pkce"] });
    await withMetadata(silent, { allowMissingPkceMetadata: true });
  },
};

for (const [name, test] of Object.entries(ROWS)) {
  if (name !== "repeat-scope") Deno.test(`quirk ${name}: ${QUIRKS[name as QuirkName].changes}`, test);
}

Deno.test("each quirk has a source and a date, and the code that allows for it names it", async () => {
  const code: string[] = [];
  const read = async (folder: URL): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) await read(new URL(`${name}/`, folder));
      else if (name.endsWith(".ts") && name !== "table.ts") {
        code.push(await Deno.readTextFile(new URL(name, folder)));
      }
    }
  };
  for (const folder of ["primitives/oauth/", "services/signin/"]) {
    await read(new URL(`../../../lib/${folder}`, import.meta.url));
  }
  for (const [name, { source, checked, applies }] of Object.entries(QUIRKS)) {
    ok(source.length > 10 && applies.length > 0, name);
    match(checked, /^20\d\d-\d\d-\d\d$/);
    ok(
      code.some((text) => text.includes(`"${name}"`) || text.includes(`\`${name}\``)),
      `no code names ${name}`,
    );
  }
});

Deno.test("an entry may name the quirks that are not allowed for anyway, and no others", () => {
  deepEqual(NAMEABLE_QUIRKS, ["omit-resource", "repeat-scope", "offline-parameters", "assume-pkce"]);
  equal(isQuirk("toString"), false);
});

Deno.test("issuers that are known for a quirk are known by their host alone", () => {
  deepEqual(quirksOfIssuer("https://login.microsoftonline.com/t/v2.0"), [
    "omit-resource",
    "repeat-scope",
    "assume-pkce",
  ]);
  deepEqual(quirksOfIssuer("https://accounts.google.com"), ["offline-parameters"]);
  deepEqual(quirksOfIssuer("https://accounts.google.com.evil.example"), []);
  deepEqual(quirksOfIssuer("https://evil.example/accounts.google.com"), []);
  deepEqual(quirksOfIssuer("not a URL"), []);
});

const REFUSALS: readonly (readonly [error: string | undefined, words: string, refuses: boolean])[] = [
  ["invalid_target", "", false],
  ["invalid_target", "AADSTS9010010: The resource parameter does not match", true],
  ["invalid_resource", "", true],
  ["invalid_request", "The resource parameter is not supported", true],
  ["invalid_grant", "AADSTS901002: The 'resource' request parameter isn't supported.", true],
  ["server_error", "AADSTS9010010: The resource parameter does not match", true],
  ["invalid_request", "redirect_uri does not match", false],
  ["invalid_request", "The resource owner denied", false],
  ["invalid_request", "resource server is down", false],
  ["invalid_grant", "resource is gone", false],
  ["access_denied", "this resource", false],
  [undefined, "resource", false],
];

for (const [error, words, refuses] of REFUSALS) {
  Deno.test(`${error ?? "no code"} with "${words}" ${refuses ? "refuses" : "does not refuse"} the resource (row 30)`, () => {
    equal(refusesResourceParameter(error, words), refuses);
    equal(refusesResourceItself(error, words), error === "invalid_target" && !refuses);
  });
}

const PARTIES: readonly (readonly [resource: string, issuer: string, one: boolean])[] = [
  ["https://mcp.example.com/mcp", "https://mcp.example.com/auth", true],
  ["https://mcp.example.com/mcp", "https://example.com", true],
  ["https://example.com/mcp", "https://auth.example.com", true],
  ["http://127.0.0.1:1/mcp", "http://localhost:2", true],
  ["https://mcp.example.com/mcp", "https://auth.example.com", false],
  ["https://evil.example/mcp", "https://accounts.example", false],
  ["https://notexample.com/mcp", "https://example.com", false],
  ["https://evil.com/mcp", "https://com", false],
  ["not a URL", "not a URL", false],
];

for (const [resource, issuer, one] of PARTIES) {
  Deno.test(`${resource} and ${issuer} are ${one ? "one party" : "two"} (row 30)`, () => {
    equal(isOneParty(resource, issuer), one);
    const error = new AuthorizationRefusal("AUTH_FAILED", "invalid_target", "invalid_target");
    equal(mayOmitResource(error, { resource }, {}, issuer), one);
    const { hint } = withResourceHint(error, { name: "x", url: resource }, { resource }) as McpAuthError;
    match(hint ?? "", /not limited to it.*--quirk omit-resource/);
  });
}

Deno.test("a server that issues no tokens for the resource, which is its own: asked once without it, remembered (row 30)", async () => {
  const authorize: BentOptions["authorize"] = (query) =>
    query.has("resource") ? back(query, { error: "invalid_target" }) : undefined;
  await at({ authorize }, async (scene) => {
    const { resource } = await scene.signIn("x", scene.server.url);
    equal(resource, undefined);
    deepEqual(resources(scene), [scene.server.url, null, null]);
  });
});
