/**
 * A sign-in that starts over by itself, and one whose answer comes twice: what the person and the server notice of it.
 *
 * @see behaviours rows 14 and 30
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { freePort } from "../../primitives/http/local_server.ts";
import { back, startBentServer } from "./bent_server.ts";
import { approve, signingIn } from "./signing_in.ts";

/** The page that a browser was shown. */
async function pageOf(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

/** Where the browser of a sign-in would end, with this code. */
function answerTo(url: string, code: string): string {
  const response = back(new URL(url).searchParams, { code });
  return response.headers.get("location") ?? "";
}

Deno.test("a server that gives no device code to its own client: the browser goes on with that very client", async () => {
  await using server = startBentServer({
    metadata: (origin) => ({ device_authorization_endpoint: `${origin}/device` }),
    other: { "/device": () => Response.json({ error: "unauthorized_client" }, { status: 400 }) },
  });
  using scene = signingIn();
  const options = { callbackPorts: [freePort()] };
  await scene.signIn("demo", server.url, { options, ports: { device: "preferred" } });
  equal(server.asked.filter((each) => each === "POST /register").length, 1);
  ok(scene.told.some(({ kind }) => kind === "no-device-code"));
});

Deno.test("a client that a person gave when asked is not asked for again where no device code is given to it", async () => {
  let asked = 0;
  await using server = startBentServer({
    metadata: (origin) => ({
      device_authorization_endpoint: `${origin}/device`,
      registration_endpoint: undefined,
    }),
    other: { "/device": () => Response.json({ error: "unauthorized_client" }, { status: 400 }) },
  });
  server.clients.set("by-hand", undefined);
  using scene = signingIn();
  const { client } = await scene.signIn("demo", server.url, {
    ports: {
      device: "preferred",
      ask: () => {
        asked++;
        return Promise.resolve({ clientId: "by-hand" });
      },
    },
  });
  equal(client.clientId, "by-hand");
  equal(asked, 1);
});

Deno.test("a server that refuses the resource in the browser: approved once more, with the client of the first time (row 30)", async () => {
  await using server = startBentServer({
    authorize: (query) =>
      query.has("resource")
        ? back(query, { error: "invalid_request", error_description: "resource is not supported" })
        : undefined,
  });
  using scene = signingIn();
  await scene.signIn("demo", server.url);
  equal(server.asked.filter((each) => each === "POST /register").length, 1);
  equal(scene.opened.length, 2);
});

Deno.test("the browser's answer that comes while a wrong code that was pasted is tried is not lost (row 14)", async () => {
  let url = "";
  let browser: Promise<string> | undefined;
  const pastes = ["wrong-code-of-another"];
  await using server = startBentServer({
    token: async ({ form }, { codes, clients, refuse }) => {
      if (form.get("code") !== "wrong-code-of-another") return undefined;
      const code = crypto.randomUUID();
      codes.set(code, [...clients.keys()][0] ?? "");
      browser = pageOf(answerTo(url, code));
      // It has arrived by the time that the wrong code is refused.
      await new Promise((resolve) => setTimeout(resolve, 200));
      return refuse("invalid_grant");
    },
  });
  using scene = signingIn();
  await scene.signIn("demo", server.url, {
    open: (given) => {
      url = given;
      return Promise.resolve();
    },
    ports: {
      paste: (_, signal) =>
        pastes.length > 0 ? Promise.resolve(pastes.shift()) : new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        }),
    },
  });
  match(await browser ?? "", /signed in/i);
  deepEqual(scene.told.filter(({ kind }) => kind === "paste-refused"), [
    { kind: "paste-refused", reason: "unknown-code" },
  ]);
});

Deno.test("a browser whose answer comes while a pasted one is redeemed is told how it went (row 14)", async () => {
  let url = "";
  let browser: Promise<string> | undefined;
  await using server = startBentServer({
    token: async () => {
      browser = pageOf(answerTo(url, "the-same-code"));
      await new Promise((resolve) => setTimeout(resolve, 200));
      return undefined;
    },
  });
  using scene = signingIn();
  await scene.signIn("demo", server.url, {
    open: (given) => {
      url = given;
      server.codes.set("the-same-code", [...server.clients.keys()][0] ?? "");
      return Promise.resolve();
    },
    ports: { paste: ({ url }) => Promise.resolve(answerTo(url, "the-same-code")) },
  });
  match(await browser ?? "", /signed in/i);
});

Deno.test("an authorization URL that no browser may get ends the sign-in, and every wait with it", async () => {
  await using server = startBentServer();
  using scene = signingIn();
  let ended = false;
  const { McpAuthError } = await import("../../../lib/primitives/errors.ts");
  const signedIn = scene.signIn("demo", server.url, {
    open: () => Promise.reject(new McpAuthError("UNSAFE_URL", "Cannot use it")),
    ports: {
      paste: (_, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            ended = true;
            reject(signal.reason);
          }, { once: true });
        }),
    },
  });
  equal(await signedIn.then(() => "", ({ code }) => code), "UNSAFE_URL");
  ok(ended);
  await scene.signIn("demo", server.url, { open: approve });
});
