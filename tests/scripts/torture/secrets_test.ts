/**
 * A secret is found however it is written, and nothing else is taken for one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { findInFile, findInProcess, findInRun } from "../../../scripts/torture/secret_search.ts";
import { bytesAsText, SecretIndex } from "../../../scripts/torture/secrets.ts";

const TOKEN = "Zk3vQ9wPpX1mT7sLrB2nYc8dHf5gJ0aEuVi4oKxWq6R";
const SLASHED = "Zk3vQ9/wPpX+1mT7s=LrB2n~Yc8dHf5gJ0aEuVi4o";
const KEY = Uint8Array.from({ length: 32 }, (_, index) => (index * 73 + 19) % 256);
const KEY_TEXT = KEY.toBase64({ alphabet: "base64url", omitPadding: true });

function index(): SecretIndex {
  const made = new SecretIndex();
  made.add([
    { kind: "refresh token", value: TOKEN },
    { kind: "client secret", value: SLASHED },
    { kind: "key", value: KEY_TEXT, bytes: KEY },
  ]);
  return made;
}

const base64 = (text: string) => btoa(text);

for (
  const [form, text] of [
    ["as it is", `grant_type=refresh_token&refresh_token=${TOKEN}`],
    ["without its last characters", `token ${TOKEN.slice(0, -8)}...`],
    ["percent-encoded", encodeURIComponent(SLASHED)],
    ["in base64", base64(TOKEN)],
    ["in base64, one byte behind something", base64(`x${TOKEN}`)],
    ["in base64, two bytes behind something", base64(`xy${TOKEN}, and more`)],
    ["in base64url", base64(`:${SLASHED}`).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")],
    ["in Basic credentials", `authorization: Basic ${base64(`client:${SLASHED}`)}`],
    ["in hexadecimal", new TextEncoder().encode(TOKEN).toHex()],
    ["in JSON within JSON", JSON.stringify({ body: JSON.stringify({ refresh_token: TOKEN }) })],
    ["as a key's text", `key=${KEY_TEXT}`],
    ["as a key's bytes", bytesAsText(new Uint8Array([1, 2, 3, ...KEY, 4, 5, 6]))],
    ["as a key in hexadecimal", KEY.toHex().toUpperCase()],
    ["as a key in plain base64", KEY.toBase64()],
  ] as const
) {
  Deno.test(`a secret is found ${form}`, () => {
    const [finding] = index().find(text, "here");
    assert.equal(finding?.place, "here");
    assert.ok(!finding.secret.includes(TOKEN), "the report does not repeat it");
  });
}

Deno.test("a fingerprint, a few characters and other random text are no secret", () => {
  const texts = [TOKEN.slice(0, 8), "5f0c1d2e", crypto.randomUUID().repeat(50), TOKEN.slice(3, 18), ""];
  for (const text of texts) assert.deepEqual(index().find(text, "here"), []);
});

Deno.test("of a JSON Web Token the signature is the secret: the head is the same in all of them", () => {
  const head = base64('{"alg":"ES256","typ":"JWT"}').replace(/=+$/, "");
  const made = new SecretIndex();
  made.add([{ kind: "ID token", value: `${head}.${base64('{"sub":"alice"}').replace(/=+$/, "")}.${TOKEN}` }]);
  assert.deepEqual(made.find(`${head}.eyJzdWIiOiJib2IifQ.another`, "here"), []);
  assert.equal(made.find(`id_token=${head}.eyJzdWIiOiJhbGljZSJ9.${TOKEN}`, "here").length, 1);
});

Deno.test("a secret that is too short to look for is refused, and one that is known is not counted again", () => {
  const made = new SecretIndex();
  assert.throws(() => made.add([{ kind: "code", value: "short" }]), /too short/);
  const known = index();
  known.add([{ kind: "refresh token", value: TOKEN }]);
  assert.equal(known.size, 3);
});

const STARTED = { isStarted: true, isGivenToken: false };
const CHILD = { isStarted: false, isGivenToken: false };

const seen = { args: ["status", "demo"], line: "status demo", stdout: "", stderr: "" };

Deno.test("an access token may be on the standard output of token, and a refresh token nowhere", () => {
  const access = new SecretIndex();
  access.add([{ kind: "access token", value: TOKEN }]);
  assert.deepEqual(findInRun(access, { ...seen, args: ["token", "demo"], stdout: TOKEN }), []);
  assert.equal(findInRun(access, { ...seen, args: ["token", "demo"], stderr: TOKEN }).length, 1);
  assert.equal(findInRun(access, { ...seen, stdout: TOKEN }).length, 1);
  assert.equal(findInRun(index(), { ...seen, args: ["token", "demo"], stdout: TOKEN }).length, 1);
});

Deno.test("state may be in the URL that a browser opens, and nowhere else", () => {
  const states = new SecretIndex();
  states.add([{ kind: "state", value: TOKEN }]);
  const url = `http://127.0.0.1:1/auth?code_challenge=abc&state=${TOKEN}`;
  assert.deepEqual(findInRun(states, { ...seen, stderr: `Visit:\n  ${url}\n` }), []);
  assert.equal(findInRun(states, { ...seen, stderr: `state ${TOKEN} of ${url}` }).length, 1);
  const sighting = { pid: 2, ppid: 1, args: ["browser", url], environ: [] };
  assert.deepEqual(findInProcess(states, sighting, CHILD), []);
  assert.equal(
    findInProcess(states, { ...sighting, args: ["mcp-auth", `--state=${TOKEN}`] }, STARTED).length,
    1,
  );
  const callback = `http://127.0.0.1:8456/callback?state=${TOKEN}&code=x`;
  assert.equal(findInRun(states, { ...seen, stderr: callback }).length, 1);
});

Deno.test("a key may be in the environment of who was given it, and of no program that it starts", () => {
  const sighting = { pid: 2, ppid: 1, args: ["mcp-auth", "list"], environ: [`MCP_AUTH_KEY=${KEY_TEXT}`] };
  assert.deepEqual(findInProcess(index(), sighting, STARTED), []);
  assert.equal(findInProcess(index(), sighting, CHILD).length, 1);
  assert.equal(findInProcess(index(), { ...sighting, environ: [`OTHER=${KEY_TEXT}`] }, STARTED).length, 1);
  assert.equal(findInProcess(index(), { ...sighting, args: ["mcp-auth", KEY_TEXT] }, STARTED).length, 1);
});

Deno.test("an access token may be in the environment of what exec has started, and no other secret", () => {
  const access = new SecretIndex();
  access.add([{ kind: "access token", value: TOKEN }]);
  const sighting = { pid: 3, ppid: 2, args: ["sh"], environ: [`MCP_ACCESS_TOKEN=${TOKEN}`] };
  assert.deepEqual(findInProcess(access, sighting, { ...CHILD, isGivenToken: true }), []);
  assert.equal(findInProcess(access, sighting, CHILD).length, 1);
  const given = { ...CHILD, isGivenToken: true };
  assert.equal(findInProcess(access, { ...sighting, environ: [`TOKEN=${TOKEN}`] }, given).length, 1);
  assert.equal(findInProcess(access, { ...sighting, args: ["sh", TOKEN] }, given).length, 1);
});

Deno.test("a key may be in its own file, which holds no other secret, and in no other file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const keyFile = `${folder}/key-0123456789abcdef`;
    await Deno.writeTextFile(keyFile, `${KEY_TEXT}\n`);
    assert.deepEqual(await findInFile(index(), keyFile), []);
    await Deno.writeTextFile(keyFile, TOKEN);
    assert.equal((await findInFile(index(), keyFile)).length, 1);
    await Deno.writeFile(`${folder}/store.db`, new Uint8Array([0, 255, ...KEY, 0]));
    assert.equal((await findInFile(index(), `${folder}/store.db`)).length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
