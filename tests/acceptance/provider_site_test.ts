/**
 * Which of an account's sites an entry is for, asked at a terminal; and what a sign-in by a provider may do in a sandbox.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "./processes.ts";
import { FROM_CHECKOUT, Home, type Running } from "./program.ts";
import { clientOf, pointAt, startAtlassian, startGithub } from "./vendors.ts";

const SITES = [
  { id: "1", name: "Acme", url: "https://acme.example" },
  { id: "2", name: "Other\u001b[31m", url: "https://other.example" },
];

/** util-linux: the program has a terminal of its own, and what is written here is typed there. */
function atTerminal(home: Home, args: readonly string[]): Running {
  const line = [...FROM_CHECKOUT, ...args].map((word) => `'${word}'`).join(" ");
  return home.start([], {
    command: ["script", "-qefc", `stty cols 120 rows 40; exec ${line}`, "/dev/null"],
    env: clientOf("atlassian"),
  });
}

async function shows(running: Running, text: string): Promise<void> {
  assert.ok(await until(() => running.stdout.includes(text), 10_000), running.stdout);
}

async function withAtlassian(use: (home: Home) => Promise<void>): Promise<void> {
  await using atlassian = startAtlassian(SITES);
  await using home = await Home.make();
  const sites = ["--sites-url", `${atlassian.origin}/oauth/token/accessible-resources`];
  await pointAt(home, "atlassian", atlassian, sites);
  await use(home);
}

Deno.test("at a terminal, one of several sites is chosen from a list, and remembered", () =>
  withAtlassian(async (home) => {
    await using adding = atTerminal(home, ["add", "jira", "--provider", "atlassian"]);
    await shows(adding, "Which site is the entry for?");
    await shows(adding, "Other");
    assert.equal(adding.stdout.includes("Other\u001b[31m"), false);
    await adding.write("\u001b[B\r");
    assert.equal((await adding.outcome).code, 0, adding.stdout);
    assert.match(adding.stdout, /✓ Signed in to jira \(site Other/);
    assert.equal((await home.run(["status", "jira", "--json"])).json.site.id, "2");
    await using again = atTerminal(home, ["login", "jira"]);
    assert.equal((await again.outcome).code, 0, again.stdout);
    assert.equal(again.stdout.includes("Which site"), false);
  }));

Deno.test("Ctrl-C at the list of sites ends add with 130, and nothing is stored", () =>
  withAtlassian(async (home) => {
    await using adding = atTerminal(home, ["add", "jira", "--provider", "atlassian"]);
    await shows(adding, "Which site is the entry for?");
    await adding.write("\u0003");
    assert.equal((await adding.outcome).code, 130, adding.stdout);
    assert.deepEqual((await home.run(["list", "--json"])).json, []);
  }));

Deno.test("the permissions of a sign-in by a provider name its hosts, its callback and its variables", async () => {
  await using github = startGithub();
  await using home = await Home.make();
  const flags = ["--token-auth-method", "post", "--callback-host", "localhost", "--callback-port", "3999"];
  await pointAt(home, "github", github, flags);
  const env = clientOf("github");
  const added = await home.run(["add", "gh", "--provider", "github", "--callback-port", "0"], { env });
  assert.equal(added.code, 0, added.stderr);
  await home.run(["set", "gh", "--unset", "callback-port"]);
  const { json } = await home.run(["permissions", "gh", "--command", "login", "--json"], { env });
  const flag = (name: string) => json.flags.find((each: string) => each.startsWith(`--allow-${name}=`)) ?? "";
  assert.match(flag("env"), /GITHUB_CLIENT_ID,GITHUB_CLIENT_SECRET/);
  assert.match(flag("net"), new RegExp(new URL(github.origin).host));
  assert.match(flag("net"), /127\.0\.0\.1:3999/);
});
