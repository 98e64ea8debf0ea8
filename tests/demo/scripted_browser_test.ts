/**
 * The scripted browser does what a user would, as a function and as the program `BROWSER` names.
 *
 * @module
 */

import assert from "node:assert/strict";
import { CookieJar } from "../../scripts/demo/browser/cookie_jar.ts";
import { firstForm } from "../../scripts/demo/browser/html_form.ts";
import { browse } from "../../scripts/demo/browser/scripted_browser.ts";
import { startAuthorizationServer } from "../../scripts/demo/servers/authorization_server.ts";
import { registerClient } from "./hand_written_client.ts";

const READ = { scope: "mcp:read", resource: "https://mcp.example/mcp" };
const PROGRAM = new URL("../../scripts/demo/browser/scripted_browser.ts", import.meta.url).pathname;

async function run(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", PROGRAM, ...args],
    cwd: "/",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), lines: text.decode(stderr).trimEnd().split("\n") };
}

async function waitingClient(answer: (url: URL) => Response) {
  const server = await startAuthorizationServer();
  const client = await registerClient(server);
  const { promise, resolve } = Promise.withResolvers<URL>();
  const callback = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    resolve(new URL(request.url));
    return answer(new URL(request.url));
  });
  const redirectUri = `http://127.0.0.1:${callback.addr.port}/callback`;
  const query = new URLSearchParams({
    client_id: client.clientId,
    response_type: "code",
    redirect_uri: redirectUri,
    code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    code_challenge_method: "S256",
    ...READ,
  });
  return {
    server,
    redirectUri,
    url: `${server.issuer}/auth?${query}`,
    called: promise,
    async [Symbol.asyncDispose]() {
      await callback.shutdown();
      await server.close();
    },
  };
}

Deno.test("the scripted browser signs in, approves and comes back, telling each step and no secret", async () => {
  await using client = await waitingClient(() => new Response("You can close this tab"));
  const { code, stdout, lines } = await run(client.url);
  const { issuer } = client.server;
  assert.equal(code, 0);
  assert.equal(stdout, "");
  assert.equal(lines[0], `browser: GET ${issuer}/auth`);
  assert.ok(lines.includes("browser: signs in as alice"));
  assert.ok(lines.includes(`browser: approves at ${issuer}`));
  assert.equal(lines.at(-1), `browser: ends at ${client.redirectUri}: 200`);
  assert.equal(lines.some((line) => /wonderland|code=|[?]/.test(line)), false);
  assert.ok((await client.called).searchParams.has("code"));
});

Deno.test("the scripted browser signs in as another user and denies", async () => {
  await using client = await waitingClient(() => new Response("Denied"));
  const { code, lines } = await run("--user", "bob", "--deny", client.url);
  assert.equal(code, 0);
  assert.ok(lines.includes("browser: signs in as bob"));
  assert.equal((await client.called).searchParams.get("error"), "access_denied");
});

Deno.test("the scripted browser exits 1 when the last page is an error", async () => {
  await using client = await waitingClient(() => new Response("No", { status: 400 }));
  assert.equal((await run(client.url)).code, 1);
});

Deno.test("the scripted browser exits 1 when nobody answers and 2 without a URL", async () => {
  const { code, lines } = await run("http://127.0.0.1:1/");
  assert.equal(code, 1);
  assert.match(lines.at(-1) ?? "", /^browser: /);
  assert.equal((await run()).code, 2);
});

Deno.test("the scripted browser gives up on a refused password", async () => {
  await using client = await waitingClient(() => new Response("never"));
  const visit = browse(client.url, { user: { name: "alice", password: "wrong" } });
  await assert.rejects(visit, /the password is refused/);
});

Deno.test("the scripted browser does not approve where it cannot deny", async () => {
  await using page = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("<form method=post><button>Approve</button></form>"),
  );
  const visit = browse(`http://127.0.0.1:${page.addr.port}/`, { decide: "deny" });
  await assert.rejects(visit, /no button for it/);
});

Deno.test("the scripted browser follows redirects only, where it is told to", async () => {
  await using client = await waitingClient(() => new Response("never"));
  const visit = await browse(client.url, { decide: "follow" });
  assert.match(visit.url, /\/interaction\//);
  assert.match(visit.text, /<form/);
});

Deno.test("the scripted browser stops going in circles, and stops on its signal", async () => {
  await using circle = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => Response.redirect(request.url),
  );
  const url = `http://127.0.0.1:${circle.addr.port}/`;
  await assert.rejects(browse(url), /more than 30 requests/);
  await assert.rejects(browse(url, { signal: AbortSignal.abort() }), { name: "AbortError" });
});

Deno.test("the scripted browser is signed in already where it keeps its cookies", async () => {
  await using server = await startAuthorizationServer();
  const client = await registerClient(server);
  const cookies = new CookieJar();
  const steps: string[] = [];
  await client.authorize(READ, { cookies });
  await client.authorize(READ, { cookies, onStep: (step) => steps.push(step) });
  assert.equal(steps.includes("signs in as alice"), false);
  assert.ok(steps.includes(`approves at ${server.issuer}`));
});

Deno.test("the cookie jar sends a cookie only to its host and below its path, until it ends", () => {
  const jar = new CookieJar();
  const at = new URL("http://a.example/sign/in");
  jar.keep(
    at,
    new Headers([["set-cookie", "deep=1; path=/sign/in"], ["set-cookie", "wide=2; Path=/; HttpOnly"]]),
  );
  assert.equal(jar.header(new URL("http://a.example/sign/in/now")), "deep=1; wide=2");
  assert.equal(jar.header(new URL("http://a.example/sign/inn")), "wide=2");
  assert.equal(jar.header(new URL("http://b.example/sign/in")), "");
  jar.keep(at, new Headers({ "set-cookie": "wide=; path=/; max-age=0" }));
  assert.equal(jar.header(at), "deep=1");
});

Deno.test("a form is read with its hidden fields, its entities and the buttons outside it", () => {
  const html = `<p><form id="f" method=post action='/go?a=1&amp;b=2'>
    <input type="hidden" name="xsrf" value="&#34;x&quot;"><input type=checkbox name=off><input type=checkbox name=on checked>
    </form><button form="f" name="answer" value="yes"><b>Yes</b></button><button form="other">No</button>`;
  const form = firstForm(html, new URL("http://a.example/page"));
  assert.equal(form?.action.href, "http://a.example/go?a=1&b=2");
  assert.equal(form?.method, "POST");
  assert.deepEqual([...form?.fields ?? []], [["xsrf", '"x"'], ["on", "on"]]);
  assert.deepEqual(form?.buttons, [{ name: "answer", value: "yes", label: "Yes" }]);
  assert.equal(firstForm("<p>none</p>", new URL("http://a.example/")), undefined);
});
