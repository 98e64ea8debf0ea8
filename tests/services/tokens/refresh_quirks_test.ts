/**
 * Refreshes at servers that refuse `resource`, or a refresh that names no scopes: the request goes out once more, written
 * the other way, and the credential remembers it.
 *
 * @see RFC 6749 sections 5.2 and 6, RFC 8707 section 2; behaviours row 30
 */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { coded } from "../../primitives/coded_error.ts";
import { HOUR, type SceneOptions, setScene } from "./scene.ts";
import type { Script } from "./token_endpoint.ts";

const RESOURCE = "https://mcp.example.com/mcp";
const refused = (words: string, error = "invalid_request") =>
  Response.json({ error, error_description: words }, { status: 400 });

/** Refuses a resource, and then a refresh without scopes, as Entra does. */
const entra: Script = ({ form }) => {
  if (form.has("resource")) return refused("AADSTS9010010: the resource does not match");
  return form.has("scope") ? undefined : refused("AADSTS90009: requesting a token for itself");
};

/** What each refresh of a scene presents: its resource and its scope. */
async function presentedBy(script: Script, options: SceneOptions, refreshes: number) {
  const forms: (readonly [resource: string | null, scope: string | null])[] = [];
  await using scene = await setScene({
    ...options,
    credential: { resource: RESOURCE, ...options.credential },
    script: (presented) => {
      forms.push([presented.form.get("resource"), presented.form.get("scope")]);
      return script(presented);
    },
  });
  for (let count = 0; count < refreshes; count++) {
    scene.clock.time += 2 * HOUR;
    await scene.authority.current("demo");
  }
  return { forms, stored: await scene.stored(), presented: scene.endpoint.presented };
}

Deno.test("row 30: a refresh is written the way that the server takes, and the next one from the start", async () => {
  const scopes = { requestedScopes: ["a", "offline_access"], grantedScopes: ["a"] };
  const { forms, stored, presented } = await presentedBy(entra, { credential: scopes }, 2);
  deepEqual(forms, [
    [RESOURCE, null],
    [null, null],
    [null, "a offline_access"],
    [null, "a offline_access"],
  ]);
  deepEqual(presented, ["rt-0", "rt-0", "rt-0", "rt-1"]);
  deepEqual(stored?.quirks, ["omit-resource", "repeat-scope"]);
  equal(stored?.resource, undefined);
  equal(stored?.lastError, undefined);
});

Deno.test("quirk repeat-scope: The scopes are repeated with each refresh, once it is named", async () => {
  const { forms } = await presentedBy(() => undefined, {
    credential: { grantedScopes: ["a", "b"] },
    options: { quirks: ["repeat-scope"] },
  }, 1);
  deepEqual(forms, [[RESOURCE, "a b"]]);
});

Deno.test("row 30: what the sign-in learned is known to the first refresh", async () => {
  const { forms } = await presentedBy(entra, {
    credential: { grantedScopes: ["a"], quirks: ["omit-resource", "repeat-scope"] },
  }, 1);
  deepEqual(forms, [[null, "a"]]);
});

Deno.test("row 30: a resource that the user named is not left out", async () => {
  const presented = presentedBy(entra, { options: { resource: RESOURCE, quirks: ["omit-resource"] } }, 1);
  await rejects(presented, coded("SERVER_ERROR", /AADSTS9010010/));
});

Deno.test("row 30: a server that refuses both ways is asked no third time, and the first cause is told", async () => {
  let asked = 0;
  const script: Script = () => {
    asked++;
    return refused("no such resource", "invalid_target");
  };
  await rejects(presentedBy(script, {}, 1), coded("SERVER_ERROR", /invalid_target/));
  equal(asked, 2);
});

Deno.test("row 3: a refresh token that is dead is presented once, whatever else its refusal speaks of", async () => {
  let asked = 0;
  const script: Script = () => {
    asked++;
    return refused("the resource is gone", "invalid_grant");
  };
  await rejects(presentedBy(script, {}, 1), coded("TOKEN_REFRESH_FAILED", /invalid_grant/));
  equal(asked, 1);
});
