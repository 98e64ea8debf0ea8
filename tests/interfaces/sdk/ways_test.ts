/**
 * The ways to sign in, for a program that embeds the library: an address that is handed in, a device code that it shows,
 * and redirect URIs of the user's choice.
 *
 * @see behaviours rows 14 to 16; RFC 8628
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { SignInEvent } from "@x/mcp-auth/sdk";
import { browse } from "../../../scripts/demo/browser/scripted_browser.ts";
import { freePort } from "../../primitives/http/local_server.ts";
import { codeOf, valueOf, withScene } from "./scene.ts";

/** Approves in a browser that does not reach this machine, and returns where it ended. */
async function approveElsewhere(url: string, redirectUri: string): Promise<string> {
  return (await browse(url, { unreachable: redirectUri })).url;
}

Deno.test("row 14: an address that is handed in is the answer, after one that is refused", async () => {
  const events: SignInEvent[] = [];
  const onEvent = (event: SignInEvent) => void events.push(event);
  await withScene(async ({ client, mcp }) => {
    const asked: boolean[] = [];
    const signedIn = await client.authenticate("demo", {
      url: mcp.url,
      way: "url",
      redirectedUrl: async ({ url, redirectUri }, signal) => {
        asked.push(signal.aborted);
        return asked.length === 1 ? url : await approveElsewhere(url, redirectUri);
      },
    });
    valueOf(signedIn);
    deepEqual(asked, [false, false]);
    deepEqual(events.flatMap((event) => event.kind === "paste-refused" ? [event.reason] : []), [
      "authorization-url",
    ]);
    const [page] = events.filter((event) => event.kind === "authorize");
    equal(page?.kind === "authorize" && page.opened, false);
  }, { onEvent, openBrowser: () => Promise.reject(new Error("opened")) });
});

Deno.test("a browser that is faster than the person tells their program by the signal", async () => {
  let wasTold = false;
  await withScene(async ({ client, mcp }) => {
    valueOf(
      await client.authenticate("demo", {
        url: mcp.url,
        redirectedUrl: (_, signal) =>
          new Promise((resolve) =>
            signal.addEventListener("abort", () => {
              wasTold = true;
              resolve(undefined);
            })
          ),
      }),
    );
  });
  ok(wasTold);
});

Deno.test("RFC 8628: a program shows the device code, and the tokens are as any others", async () => {
  let shown: Promise<unknown> | undefined;
  const onEvent = (event: SignInEvent) => {
    if (event.kind === "device-code") shown = browse(event.verificationUriComplete ?? "");
  };
  await withScene(
    async ({ client, mcp, as }) => {
      const tokens = valueOf(await client.authenticate("demo", { url: mcp.url, way: "device" }));
      await shown;
      ok(tokens.accessToken);
      valueOf(await client.refresh("demo"));
      equal(as.requests(`GET ${as.paths.authorization}`).length, 0);
    },
    { onEvent },
    { deviceFlow: true, edit: { device: (body) => ({ ...body, interval: 1 }) } },
  );
});

Deno.test("a device code where the server offers none is CONFIG_INVALID, and the signal ends a wait", async () => {
  await withScene(async ({ client, mcp }) => {
    equal(codeOf(await client.authenticate("demo", { url: mcp.url, way: "device" })), "CONFIG_INVALID");
    const signal = AbortSignal.timeout(300);
    const waited = await client.authenticate("demo", { url: mcp.url, way: "url", signal });
    equal(codeOf(waited), "TIMEOUT");
  });
});

Deno.test("row 16: each host in the redirect URI has a registration of its own, the same at each step", async () => {
  await withScene(async ({ client, mcp, as }) => {
    const uris = () =>
      as.requests("POST /reg").map(({ body }) => new URL(JSON.parse(body).redirect_uris[0]).hostname);
    // Ports of their own: the preferred one may be another test's the next time.
    const add = async (name: string, callbackHost?: "localhost" | "[::1]") => {
      const options = { callbackPorts: [freePort()], ...(callbackHost && { callbackHost }) };
      valueOf(await client.authenticate(name, { url: mcp.url, options }));
    };
    await add("first");
    await add("second", "localhost");
    await add("third", "[::1]");
    deepEqual(uris(), ["127.0.0.1", "localhost", "[::1]"]);
    // Each of them is used again, and none has taken the place of another.
    for (const name of ["first", "second", "third"]) valueOf(await client.authenticate(name));
    equal(uris().length, 3);
    const exchanged = as.requests("POST /token").map(({ form }) =>
      new URL(form.get("redirect_uri") ?? "").hostname
    );
    deepEqual(exchanged, [...uris(), ...uris()]);
  });
});

Deno.test("row 15: what does not fit together is CONFIG_INVALID before anything is registered", async () => {
  await withScene(async ({ client, mcp, as }) => {
    for (const options of [{ listen: "nowhere" }, { redirectUri: "https://tools.example/cb#x" }]) {
      equal(codeOf(await client.authenticate("demo", { url: mcp.url, options })), "CONFIG_INVALID");
    }
    const unheard = { redirectUri: "https://tools.example/cb" };
    equal(codeOf(await client.authenticate("demo", { url: mcp.url, options: unheard })), "CONFIG_INVALID");
    equal(as.requests("POST /reg").length, 0);
  });
});
