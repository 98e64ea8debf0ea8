/** What a sign-in would do (C43-C45, C61; row 14). */
import { deepEqual, equal, match } from "node:assert/strict";
import type { ServerMetadata } from "../../../lib/primitives/oauth/server_metadata.ts";
import { planOf, type PlanParts, scopeCheck } from "../../../lib/services/diagnosis/plan.ts";
import { subjectFor } from "./scene.ts";

const URL_TEXT = "https://mcp.example.com/mcp";
const ISSUER = "https://auth.example.com";
const SERVER: ServerMetadata = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
};
const DEVICE = { device_authorization_endpoint: `${ISSUER}/device` };

function partsOf(changes: Partial<PlanParts> = {}): PlanParts {
  return {
    subject: subjectFor(URL_TEXT),
    challenge: {},
    resource: { resource: URL_TEXT, authorizationServers: [ISSUER], scopesSupported: ["r"] },
    server: SERVER,
    seating: { checks: [], redirectUri: "http://127.0.0.1:8456/callback", client: "a client" },
    surroundings: { place: "desktop", opensBrowser: true },
    ...changes,
  };
}

Deno.test("at a desktop the browser opens, and the plan names all that is sent", () => {
  const plan = planOf(partsOf());
  equal(plan.command, `mcp-auth add ${URL_TEXT}`);
  equal(plan.way, "browser");
  deepEqual(plan.steps, [
    `Open the browser at ${ISSUER}`,
    "Sign in as a client",
    "Ask for the scopes r",
    `Name the resource ${URL_TEXT}`,
    "Take the answer at http://127.0.0.1:8456/callback",
    "Connect, and list the tools",
  ]);
});

for (
  const [description, server, options, opensBrowser, way] of [
    ["over SSH a code is shown where the server gives one", { ...SERVER, ...DEVICE }, {}, false, "device"],
    ["over SSH the answer is pasted where it gives none", SERVER, {}, false, "paste-back"],
    [
      "without an authorization endpoint only a code is left",
      { issuer: ISSUER, token_endpoint: `${ISSUER}/token`, ...DEVICE },
      {},
      true,
      "device",
    ],
    ["a grant needs nobody", SERVER, { grant: { kind: "client-credentials" } }, true, "client-credentials"],
  ] as const
) {
  Deno.test(description, () => {
    const plan = planOf(partsOf({
      server,
      subject: subjectFor(URL_TEXT, { options }),
      surroundings: { place: opensBrowser ? "desktop" : "ssh", opensBrowser },
    }));
    equal(plan.way, way);
    equal(plan.redirectUri !== undefined, way === "paste-back");
  });
}

Deno.test("the scopes are those of the entry, else the challenge, else the resource, and offline_access is told", () => {
  const detail = (changes: Partial<PlanParts>) => scopeCheck(partsOf(changes)).detail;
  equal(detail({}), "r, as the resource's metadata says");
  equal(detail({ challenge: { scopes: ["c"] } }), "c, as the challenge says");
  equal(
    detail({ subject: subjectFor(URL_TEXT, { options: { scopes: ["own"] } }), challenge: { scopes: ["c"] } }),
    "own, as the entry says",
  );
  equal(detail({ resource: undefined }), "none is named: the server chooses");
  const offline = { ...SERVER, scopes_supported: ["r", "offline_access"] };
  equal(detail({ server: offline }), "r offline_access, as the resource's metadata says");
  match(
    detail({ server: offline, resource: undefined }),
    /the server knows offline_access, which is not asked for/,
  );
  const unknown = scopeCheck(partsOf({ server: { ...SERVER, scopes_supported: ["other"] } }));
  equal(unknown.status, "warn");
  match(unknown.detail, /does not list: r$/);
});
