/**
 * The remote store: the contract of all stores, what it shares with Deno's own client, and what becomes of an operation
 * when its server is down, hangs, resets, loses an answer, refuses, or is no KV Connect server.
 *
 * @see behaviours rows 1, 43
 */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import { encodeKey } from "../../../lib/primitives/kv_connect/key_bytes.ts";
import { bytesField, joined, numberField } from "../../../lib/primitives/kv_connect/protobuf.ts";
import type { Kv } from "../../../lib/primitives/system/kv.ts";
import { bytes, testKvContract } from "../../contracts/kv.ts";
import {
  type KvConnectServer,
  METADATA,
  READ,
  startHttp2Server,
  startKvConnectServer,
  WRITE,
} from "../../fakes/kv_connect/server.ts";
import { coded } from "../coded_error.ts";
import { freePort } from "../http/local_server.ts";
import { openAt, openByDeno, testRemote } from "./servers.ts";

const servers: KvConnectServer[] = [];
testKvContract("remote", async () => {
  servers.push(await startKvConnectServer());
  return openAt(servers.at(-1)!);
}, async () => await servers.pop()?.close());

const one = { sets: [{ key: ["a"], value: bytes("1") }] };
const created = { checks: [{ key: ["a"], version: null }], ...one };

async function stored(server: KvConnectServer): Promise<string | undefined> {
  using kv = openAt(server);
  const [entry] = await kv.get([["a"]]);
  return entry?.value && new TextDecoder().decode(entry.value);
}

Deno.test("remote: what this client wrote Deno's own client reads, versions included", async () => {
  await using server = startHttp2Server();
  using kv = openAt(server);
  const keys = [["p", "a\0b"], ["p", "é𝒳"], ["p", -1.5], ["p", 0], ["p", 7e9], ["p", ""], ["p", "x", "y"]];
  const version = await kv.commit({ sets: keys.map((key) => ({ key, value: bytes(JSON.stringify(key)) })) });
  const deno = await openByDeno(server);
  try {
    const found = await Array.fromAsync(deno.list({ prefix: ["p"] }));
    deepEqual(
      found.map(({ key, value, versionstamp }) => [key, value, versionstamp]),
      (await kv.list(["p"])).map(({ key, value, version }) => [key, value, version]),
    );
    equal(found.length, keys.length);
    equal(found[0]!.versionstamp, version);
    for (const key of keys) deepEqual((await deno.get(key)).value, bytes(JSON.stringify(key)));
  } finally {
    deno.close();
  }
});

Deno.test("remote: what Deno's own client wrote this one reads, and each respects the other's checks", async () => {
  await using server = startHttp2Server();
  using kv = openAt(server);
  const deno = await openByDeno(server);
  try {
    const first = await deno.set(["p", "a\0\xff", 3], bytes("one"));
    deepEqual(await kv.get([["p", "a\0\xff", 3]]), [
      { key: ["p", "a\0\xff", 3], value: bytes("one"), version: first.versionstamp },
    ]);
    const key = ["p", "a\0\xff", 3];
    const second = await kv.commit({
      checks: [{ key, version: first.versionstamp }],
      sets: [{ key, value: bytes("two") }],
    });
    ok(second);
    const { ok: stale } = await deno.atomic().check({ key, versionstamp: first.versionstamp }).delete(key)
      .commit();
    equal(stale, false);
    const { ok: gone } = await deno.atomic().check({ key, versionstamp: second }).delete(key).commit();
    equal(gone, true);
    equal((await kv.get([key]))[0]!.version, null);
    await deno.set(["p", 1n], "text");
    await deno.set(["p", "text"], "text");
    deepEqual((await kv.list(["p"])).map(({ key, value }) => [key, value]), [[["p", "text"], bytes("")]]);
  } finally {
    deno.close();
  }
});

testRemote(
  "a list of more than one page is complete, also where a page ends with the list",
  async (server) => {
    using kv = openAt(server);
    for (const count of [200, 201]) {
      const sets = Array.from(
        { length: count },
        (_, index) => ({ key: ["n", index], value: bytes(`${index}`) }),
      );
      await kv.commit({ sets });
      deepEqual((await kv.list(["n"])).map(({ key }) => key[1]), sets.map(({ key }) => key[1]));
    }
  },
);

Deno.test("remote: a server whose list never ends is cut off", async () => {
  const entry = joined(
    bytesField(1, encodeKey(["n", "x"])),
    bytesField(2, bytes("1")),
    numberField(3, 3),
    bytesField(4, new Uint8Array(10)),
  );
  const page = bytesField(1, joined(...Array.from({ length: 100 }, () => bytesField(1, entry))));
  let reads = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    if (new URL(request.url).pathname !== "/") {
      reads++;
      return new Response(joined(page, numberField(4, 1), numberField(8, 1)));
    }
    const endpoints = [{ url: "/v3", consistency: "strong" }];
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    return Response.json({ version: 3, databaseId: "d", endpoints, token: "t", expiresAt });
  });
  using kv = openAt({ url: `http://127.0.0.1:${server.addr.port}/`, accessToken: "a" });
  await rejects(kv.list(["n"]), coded("STORE_UNAVAILABLE", /it lists records without end$/));
  equal(reads, 100);
});

testRemote("a read gets one exchange, a second one no other exchange of metadata", async (server) => {
  using kv = openAt(server);
  await kv.get([["a"]]);
  await kv.get([["a"], ["b"]]);
  deepEqual(server.log.map(({ method, path }) => `${method} ${path}`), [METADATA, READ, READ]);
});

testRemote("nothing is sent before the store is used, and nothing after it is closed", async (server) => {
  const kv = openAt(server);
  equal(server.log.length, 0);
  kv.close();
  await rejects(kv.commit(one), coded("STORE_UNAVAILABLE", /closed/));
  equal(server.log.length, 0);
});

testRemote(
  "a token of the data path that its server does not take any more is replaced, for reads and writes",
  async (server) => {
    using kv = openAt(server);
    await kv.commit(one);
    server.renewDataToken();
    equal((await kv.get([["a"]])).length, 1);
    server.renewDataToken();
    ok(await kv.commit(one));
    equal(server.requests(METADATA).length, 3);
  },
);

testRemote(
  "metadata that has run out is asked for anew, also where this clock is ahead of the server's",
  async (server) => {
    using kv = openAt(server);
    await kv.get([["a"]]);
    await kv.get([["a"]]);
    equal(server.requests(METADATA).length, 2);
  },
  { lifeMs: -60_000 },
);

testRemote("a wrong access token is told from a server that is down, and is not shown", async (server) => {
  using kv = openAt({ url: server.url, accessToken: "wrong-token" });
  for (const operation of [() => kv.get([["a"]]), () => kv.commit(created)]) {
    const error = await operation().catch((error) => error);
    equal(error.code, "STORE_UNAVAILABLE");
    match(error.message, /refuses the access token \(401\)/);
    match(error.hint, /DENO_KV_ACCESS_TOKEN/);
    ok(!JSON.stringify(error).includes("wrong-token"));
  }
  equal(server.log.length, 2);
});

testRemote(
  "what a server says of its failure is shown without control characters and secrets",
  async (server) => {
    server.fail(
      METADATA,
      Infinity,
      () => new Response("\x1b[31mno \u202edatabase; token=abcdef", { status: 404 }),
    );
    const error = await openAt(server).get([["a"]]).catch((error) => error);
    match(error.message, /it answers 404: \[31mno  ?database; token=\[redacted\]$/);
  },
);

for (
  const [what, answer, hint] of [
    ["a web page", () => new Response("<html>", { headers: { "content-type": "text/html" } }), /KV Connect/],
    ["other JSON", () => Response.json({ hello: "world" }), /KV Connect/],
    ["null", () => Response.json(null), /KV Connect/],
    [
      "no strong endpoint",
      () => metadata({ endpoints: [{ url: "/v3", consistency: "eventual" }] }),
      /KV Connect/,
    ],
    [
      "an endpoint in plain http elsewhere",
      () => metadata({ endpoints: [{ url: "http://192.0.2.1/", consistency: "strong" }] }),
      /KV Connect/,
    ],
    ["a later protocol", () => metadata({ version: 9 }), /Update mcp-auth/],
    ["a redirect to elsewhere", () => Response.redirect("https://example.com/", 308), /KV Connect/],
  ] as const
) {
  testRemote(`a server that answers with ${what} is STORE_UNAVAILABLE with what to do`, async (server) => {
    server.fail(METADATA, Infinity, answer);
    using kv = openAt(server);
    await rejects(kv.get([["a"]]), { code: "STORE_UNAVAILABLE", hint });
    await rejects(kv.commit(created), { code: "STORE_UNAVAILABLE", hint });
    equal(server.log.length, 2);
  });
}

function metadata(members: Record<string, unknown>): Response {
  return Response.json({
    version: 3,
    databaseId: "4bbf4eb0-63e1-4c09-9a1e-5b0bb2b1d7a5",
    endpoints: [{ url: "/v3", consistency: "strong" }],
    token: "t",
    expiresAt: new Date(Date.now() + 60_000).toISOString(),
    ...members,
  });
}

for (const protocol of [2, 3]) {
  testRemote(`protocol ${protocol} is spoken`, async (server) => {
    const asked: string[] = [];
    server.fail(READ.replace("v3", "v2"), 1, (request) => {
      asked.push(request.headers.get("x-denokv-version")!);
      return new Response(new Uint8Array([0x0a, 0x00, 0x20, 0x01, ...(protocol === 3 ? [0x40, 0x01] : [])]));
    });
    equal((await openAt(server).get([["a"]]))[0]!.version, null);
    deepEqual(asked, [`${protocol}`]);
  }, { metadata: { version: protocol, endpoints: [{ url: "/v2", consistency: "strong" }] } });
}

const garbage = new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0x7f]);
testRemote("an answer that is cut off or no message is STORE_UNAVAILABLE", async (server) => {
  using kv = openAt(server);
  for (const body of [garbage, bytes("<html>"), bytes("ok"), new Uint8Array([0xff])]) {
    server.fail(READ, 1, () => new Response(body));
    await rejects(kv.get([["a"]]), coded("STORE_UNAVAILABLE"));
    server.fail(WRITE, 1, () => new Response(body));
    await rejects(kv.commit(created), coded("STORE_UNAVAILABLE"));
  }
  equal(await stored(server), undefined);
});

for (const fault of ["reset", () => new Response("later", { status: 503 })] as const) {
  const how = fault === "reset" ? "drops the connection" : "answers 503";
  for (const target of [METADATA, READ]) {
    testRemote(`a read goes on when its server ${how} at ${target} for a moment`, async (server) => {
      using kv = openAt(server);
      await openAt(server).commit(one);
      server.fail(target, 2, fault);
      deepEqual((await kv.get([["a"]]))[0]!.value, bytes("1"));
      ok(server.requests(target).length >= 3);
    });
  }

  testRemote(`a read ends in time and with a code when its server ${how} for good`, async (server) => {
    using kv = openAt(server);
    server.fail(READ, Infinity, fault);
    const started = performance.now();
    await rejects(kv.get([["a"]]), coded("STORE_UNAVAILABLE"));
    ok(performance.now() - started < 3_000);
    // On a kept-alive connection that is closed `fetch` itself repeats a request once.
    ok([4, 5].includes(server.requests(READ).length));
  });

  testRemote(`a commit that checks what it writes goes on when its server ${how}`, async (server) => {
    using kv = openAt(server);
    server.fail(WRITE, 2, fault);
    ok(await kv.commit(created));
    equal(await stored(server), "1");
  });

  testRemote(`a commit that checks nothing is sent once when its server ${how}`, async (server) => {
    using kv = openAt(server);
    server.fail(WRITE, Infinity, fault);
    await rejects(kv.commit(one), coded("STORE_UNAVAILABLE"));
    equal(server.requests(WRITE).length, 1);
  });
}

testRemote(
  "a commit whose answer was lost returns the version it was written with, and happens once",
  async (server) => {
    using kv = openAt(server);
    server.fail(WRITE, 1, "lose-answer");
    const version = await kv.commit(created);
    equal((await kv.get([["a"]]))[0]!.version, version);
    server.fail(WRITE, 1, "lose-answer");
    const next = await kv.commit({
      checks: [{ key: ["a"], version: version! }],
      sets: [{ key: ["a"], value: bytes("2") }],
    });
    equal((await kv.get([["a"]]))[0]!.version, next);
    equal(await stored(server), "2");
  },
);

testRemote("a commit without checks whose answer was lost is found, and not sent again", async (server) => {
  using kv = openAt(server);
  server.fail(WRITE, Infinity, "lose-answer");
  const version = await kv.commit({
    sets: [{ key: ["a"], value: bytes("1") }, { key: ["b"], value: bytes("2") }],
  });
  equal((await kv.get([["a"]]))[0]!.version, version);
  equal(server.requests(WRITE).length, 1);
});

testRemote("a deletion whose answer was lost counts as done", async (server) => {
  using kv = openAt(server);
  const version = (await kv.commit(created))!;
  server.fail(WRITE, 1, "lose-answer");
  ok(await kv.commit({ checks: [{ key: ["a"], version }], deletes: [["a"]] }));
  equal(await stored(server), undefined);
});

testRemote("a lost answer does not make another's write one's own", async (server) => {
  using kv = openAt(server);
  using other = openAt(server);
  server.fail(WRITE, 1, "reset");
  server.fail(WRITE, 1, "lose-answer");
  // The first request of `kv` does not arrive; `other` writes before the second.
  const theirs = { checks: [{ key: ["a"], version: null }], sets: [{ key: ["a"], value: bytes("theirs") }] };
  const mine = kv.commit(created);
  while (server.requests(WRITE).length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const written = await other.commit(theirs);
  ok(written);
  equal(await mine, undefined);
  equal(await stored(server), "theirs");
});

testRemote(
  "a commit whose fate is unknown is an error, never a success or a failed check",
  async (server) => {
    using kv = openAt(server, { attemptMs: 150, totalMs: 400 });
    await kv.get([["a"]]);
    server.fail(WRITE, Infinity, "lose-answer");
    server.fail(READ, Infinity, "hang");
    await rejects(kv.commit(one), coded("STORE_UNAVAILABLE"));
    equal(server.database.size, 1);
  },
);

for (const target of [METADATA, READ, WRITE]) {
  testRemote(`a server that hangs at ${target} is TIMEOUT in time, with what to look at`, async (server) => {
    using kv = openAt(server, { attemptMs: 150, totalMs: 400 });
    server.fail(target, Infinity, "hang");
    const started = performance.now();
    await rejects(target === WRITE ? kv.commit(created) : kv.get([["a"]]), {
      code: "TIMEOUT",
      message: /store at "http:\/\/127\.0\.0\.1:\d+\/": it does not answer/,
      hint: /MCP_AUTH_STORE/,
    });
    ok(performance.now() - started < 1_500);
    ok(server.requests(target).length >= 2);
  });
}

testRemote("a server that hangs once is asked again", async (server) => {
  using kv = openAt(server, { attemptMs: 150, totalMs: 2_000 });
  server.fail(READ, 1, "hang");
  equal((await kv.get([["a"]]))[0]!.version, null);
  server.fail(WRITE, 1, "hang");
  ok(await kv.commit(created));
});

testRemote(
  "a signal ends the wait at once, with its reason, and the pause between attempts too",
  async (server) => {
    using kv = openAt(server);
    for (const fault of ["hang", "reset"] as const) {
      const order = server.fail(READ, Infinity, fault);
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), 40);
      const started = performance.now();
      await rejects(kv.get([["a"]], abort.signal), coded("AUTH_CANCELLED"));
      ok(performance.now() - started < 1_000);
      clearTimeout(timer);
      order.end();
    }
    await rejects(kv.commit(one, AbortSignal.abort()), coded("AUTH_CANCELLED"));
    equal(server.requests(WRITE).length, 0);
  },
);

Deno.test("remote: a server that is not there is STORE_UNAVAILABLE within seconds, and names the address", async () => {
  using kv = openAt({ url: `http://127.0.0.1:${freePort()}/`, accessToken: "x" });
  const started = performance.now();
  await rejects(kv.get([["a"]]), {
    code: "STORE_UNAVAILABLE",
    message: /store at "http:\/\/127\.0\.0\.1:\d+\/": cannot reach the server/,
    hint: /MCP_AUTH_STORE/,
  });
  await rejects(kv.commit(created), coded("STORE_UNAVAILABLE"));
  ok(performance.now() - started < 6_000);
});

Deno.test("remote: a commit that could not be sent is sent again, whatever it checks", async () => {
  const port = freePort();
  using kv = openAt({ url: `http://127.0.0.1:${port}/`, accessToken: "store-access-token" });
  const late = new Promise<KvConnectServer>((resolve, reject) => {
    setTimeout(() => startKvConnectServer({ port }).then(resolve, reject), 150);
  });
  ok(await kv.commit(one));
  await using server = await late;
  equal(await stored(server), "1");
});

Deno.test("remote: a server that comes back with its database is used on", async () => {
  const port = freePort();
  const first = await startKvConnectServer({ port });
  using kv = openAt(first);
  await kv.commit(one);
  await first.close();
  const again = new Promise<KvConnectServer>((resolve, reject) => {
    setTimeout(() => startKvConnectServer({ port, database: first.database }).then(resolve, reject), 250);
  });
  deepEqual((await kv.get([["a"]]))[0]!.value, bytes("1"));
  await using _second = await again;
});

Deno.test(
  "remote: a sandbox without the server's host is PERMISSION_DENIED and names the flag",
  { permissions: { net: ["127.0.0.1:1"] } },
  async () => {
    using kv: Kv = openAt({ url: "http://127.0.0.1:2/", accessToken: "x" });
    await rejects(kv.get([["a"]]), { code: "PERMISSION_DENIED", hint: /--allow-net=127\.0\.0\.1:2/ });
  },
);

testRemote(
  "an endpoint on a network that the store's server is not on is refused before the token is sent",
  async (server) => {
    const { createAddressGuard } = await import("../../../lib/primitives/http/address.ts");
    const guard = createAddressGuard({
      serverUrl: "https://store.example.com/",
      lookup: () => Promise.resolve(["192.0.2.1"]),
    });
    using kv = openAt(server, { http: createHttp({ guard }) });
    await rejects(kv.get([["a"]]), coded("STORE_UNAVAILABLE", /loopback/));
    equal(server.log.length, 0);
  },
);
