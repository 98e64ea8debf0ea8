/**
 * Proofs of possession: what they say, which nonces they carry, and when a request is sent again for another one.
 *
 * @see RFC 9449 sections 4, 8 and 9 (X15-X17)
 * @module
 */
import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import fc from "fast-check";
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from "jose";
import { createHttp } from "../../../lib/primitives/http/client.ts";
import type { McpAuthError } from "../../../lib/primitives/errors.ts";
import { DPOP_NONCE_MAX_CHARS, DPOP_READY_MAX_MS, DPOP_RETRIES_MAX } from "../../../lib/primitives/limits.ts";
import { createDpopKey, DpopProver, jwkThumbprint, proofUrl } from "../../../lib/primitives/oauth/dpop.ts";
import { provenHttp } from "../../../lib/primitives/oauth/proven_http.ts";
import { fakeClock } from "../../fakes/clock.ts";
import { coded } from "../coded_error.ts";
import { type Received, serve } from "../http/local_server.ts";
import { serveTokens } from "./token_server.ts";

const URL_OF_SERVER = "https://mcp.example.com/mcp";

async function newProver(clock = fakeClock(Date.now())) {
  const key = await createDpopKey();
  return { key, clock, prover: await DpopProver.of(key, clock) };
}

/** What a proof says, checked by another implementation. */
async function read(proof: string | null | undefined, currentDate?: Date) {
  const options = { typ: "dpop+jwt", algorithms: ["ES256"] };
  const { payload, protectedHeader } = await jwtVerify(proof ?? "", EmbeddedJWK, {
    ...options,
    ...(currentDate === undefined ? {} : { currentDate }),
  });
  return { payload, header: protectedHeader };
}

Deno.test("X15: a proof is a JWT of its own type, signed with the key that it shows, and shows no more of it", async () => {
  const { key, clock, prover } = await newProver();
  const { header, payload } = await read(
    await prover.proof({ method: "POST", url: `${URL_OF_SERVER}?a=1#b` }),
  );
  deepEqual(header, {
    typ: "dpop+jwt",
    alg: "ES256",
    jwk: { kty: "EC", crv: "P-256", x: key.x, y: key.y },
  });
  const { jti, ...rest } = payload;
  deepEqual(rest, { htm: "POST", htu: URL_OF_SERVER, iat: Math.floor(clock.time / 1000) });
  ok(typeof jti === "string" && jti.length >= 32);
});

Deno.test("X16: the proof of a request with a token names the token, as in RFC 9449 section 7.1", async () => {
  const { prover } = await newProver();
  const accessToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
  const { payload } = await read(await prover.proof({ method: "GET", url: URL_OF_SERVER, accessToken }));
  equal(payload.ath, "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
  const other = await read(await prover.proof({ method: "GET", url: URL_OF_SERVER, accessToken: "other" }));
  notEqual(other.payload.ath, payload.ath);
});

Deno.test("the thumbprint of a key is that of RFC 7638, as in RFC 9449 section 6.1", async () => {
  const example = {
    kty: "EC",
    x: "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
    y: "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    crv: "P-256",
  };
  equal(await jwkThumbprint(example), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
  const { key, prover } = await newProver();
  equal(prover.thumbprint, await calculateJwkThumbprint(key as JWK));
});

Deno.test("no two proofs are alike, however many are made at once", async () => {
  const { prover } = await newProver();
  const proofs = await Promise.all(
    Array.from(
      { length: 500 },
      () => prover.proof({ method: "POST", url: URL_OF_SERVER, accessToken: "at" }),
    ),
  );
  equal(
    new Set((await Promise.all(proofs.map((proof) => read(proof)))).map(({ payload }) => payload.jti)).size,
    500,
  );
});

Deno.test("htu is the URL without query, fragment and user, for whatever URL", () => {
  fc.assert(
    fc.property(
      fc.webUrl({
        withQueryParameters: true,
        withFragments: true,
        authoritySettings: { withUserInfo: true },
      }),
      (url) => {
        const htu = proofUrl(url);
        const parsed = new URL(htu);
        equal(parsed.href, htu);
        equal(`${parsed.search}${parsed.hash}${parsed.username}${parsed.password}`, "");
        ok(!/[?#@]/.test(htu.replace(/^\w+:\/\/[^/]*/, "").replaceAll("@", "")), htu);
        equal(htu, `${new URL(url).origin}${new URL(url).pathname}`);
      },
    ),
    { numRuns: 5_000 },
  );
  equal(proofUrl("HTTPS://EXAMPLE.com:443/a b/%7e?x#y"), "https://example.com/a%20b/%7e");
  equal(proofUrl("http://user:s3cret@127.0.0.1:8080"), "http://127.0.0.1:8080/");
});

Deno.test("what is no key on P-256 is refused, and not shown", async () => {
  const { key } = await newProver();
  const broken: readonly JsonWebKey[] = [
    {},
    { ...key, d: undefined as unknown as string },
    { ...key, crv: "P-384" },
    { ...key, d: `s3cret${key.d}` },
    { kty: "oct", k: "s3cret" } as JsonWebKey,
  ];
  for (const each of broken) {
    await rejects(DpopProver.of(each, fakeClock()), (error) => {
      coded("CONFIG_INVALID", /not one on P-256/)(error);
      ok(!Deno.inspect(error).includes("s3cret"));
      return true;
    });
  }
});

Deno.test("X17: a nonce is for its origin, and for requests with or without a token", async () => {
  const { prover } = await newProver();
  const nonceOf = async (url: string, accessToken?: string) =>
    (await read(await prover.proof({ method: "GET", url, accessToken }))).payload.nonce;
  prover.noteNonce({ url: "https://a.example/token" }, "of-the-as");
  prover.noteNonce({ url: "https://a.example/mcp", accessToken: "at" }, "of-the-rs");
  equal(await nonceOf("https://a.example/other"), "of-the-as");
  equal(await nonceOf("https://a.example/other", "another token"), "of-the-rs");
  equal(await nonceOf("https://b.example/token"), undefined);
  equal(await nonceOf("https://a.example:8443/mcp", "at"), undefined);
  for (const none of [null, "", "two words", 'a"b', "a\\b", "ü", "x".repeat(DPOP_NONCE_MAX_CHARS + 1)]) {
    prover.noteNonce({ url: "https://a.example/token" }, none);
    equal(await nonceOf("https://a.example/token"), "of-the-as", String(none));
  }
});

/** A token endpoint that wants a nonce: the one that it gave last, which `next` makes anew for each answer. */
function servePicky(next: (count: number) => string | undefined, success: Record<string, unknown> = {}) {
  let wanted: string | undefined;
  let count = 0;
  const server = serveTokens(async ({ headers }: Received) => {
    const { payload } = await read(headers.get("dpop"));
    if (wanted !== undefined && payload.nonce === wanted) {
      return Response.json({ access_token: "at", token_type: "DPoP", ...success });
    }
    wanted = next(count++);
    return Response.json({ error: "use_dpop_nonce" }, {
      status: 400,
      headers: wanted === undefined ? {} : { "dpop-nonce": wanted },
    });
  });
  return server;
}

const payloadsOf = (received: readonly Received[]) =>
  Promise.all(received.map(async ({ headers }) => (await read(headers.get("dpop"))).payload));

for (const grant of ["exchange", "refresh"] as const) {
  Deno.test(`X17: ${grant}: the server's nonce is taken, once, with a new proof, and kept`, async () => {
    await using server = servePicky(() => "n-1");
    const { prover } = await newProver();
    const tokens = await server[grant]({ proof: prover });
    equal(tokens.tokenType, "dpop");
    deepEqual((await payloadsOf(server.received)).map(({ nonce }) => nonce), [undefined, "n-1"]);
    await server[grant]({ proof: prover });
    const payloads = await payloadsOf(server.received);
    deepEqual(payloads.map(({ nonce }) => nonce), [undefined, "n-1", "n-1"]);
    equal(new Set(payloads.map(({ jti }) => jti)).size, 3);
    ok(
      payloads.every(({ htu, htm, ath }) =>
        htu === `${server.origin}/token` && htm === "POST" && ath === undefined
      ),
    );
    equal(new Set(server.received.map(({ body }) => body)).size, 1);
  });
}

for (
  const [name, next, requests] of [
    ["a new nonce each time", (count: number) => `n-${count}`, DPOP_RETRIES_MAX + 1],
    ["the same nonce again", () => "always", 2],
    ["no nonce", () => undefined, 1],
    ["a nonce that is none", () => 'a "b"', 1],
  ] as const
) {
  Deno.test(`a token endpoint that never takes a proof and gives ${name} is asked ${requests} times`, async () => {
    const { prover } = await newProver();
    let count = 0;
    await using server = serveTokens(() => {
      const nonce = next(count++);
      return Response.json({ error: "use_dpop_nonce" }, {
        status: 400,
        headers: nonce === undefined ? {} : { "dpop-nonce": nonce },
      });
    });
    await rejects(server.refresh({ proof: prover }), coded("SERVER_ERROR", /400: use_dpop_nonce$/));
    equal(server.received.length, requests);
  });
}

Deno.test("a nonce that comes with a success is in the next proof", async () => {
  const { prover } = await newProver();
  await using server = serveTokens(() =>
    Response.json({ access_token: "at", token_type: "DPoP" }, { headers: { "dpop-nonce": "next" } })
  );
  await server.refresh({ proof: prover });
  await server.refresh({ proof: prover });
  deepEqual((await payloadsOf(server.received)).map(({ nonce }) => nonce), [undefined, "next"]);
});

Deno.test("a proof whose time the server refuses is made again with the server's time, once", async () => {
  const now = Date.now();
  for (const off of [-3_600_000, 3_600_000]) {
    const { prover } = await newProver(fakeClock(now + off));
    let patience = false;
    await using server = serveTokens(({ headers }) => {
      const payload = JSON.parse(
        atob(headers.get("dpop")!.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")),
      );
      return patience && Math.abs(payload.iat - Date.now() / 1000) < 60
        ? Response.json({ access_token: "at", token_type: "DPoP" })
        : Response.json({ error: "invalid_dpop_proof", error_description: "iat" }, { status: 400 });
    });
    await rejects(server.refresh({ proof: prover }), coded("SERVER_ERROR", /invalid_dpop_proof \(iat\)/));
    equal(server.received.length, 2);
    patience = true;
    await server.refresh({ proof: prover });
    equal(server.received.length, 3);
  }
});

Deno.test("a proof that is refused although the clocks agree is not made again", async () => {
  const { prover } = await newProver();
  await using server = serveTokens(() => Response.json({ error: "invalid_dpop_proof" }, { status: 400 }));
  await rejects(server.exchange({ proof: prover }), coded("AUTH_FAILED", /invalid_dpop_proof/));
  equal(server.received.length, 1);
});

Deno.test("the words for a clock that is off name how far", async () => {
  const { prover, clock } = await newProver();
  const target = { method: "GET", url: URL_OF_SERVER, accessToken: "at" };
  const proof = await prover.proof(target);
  const refusal = (ms: number) => ({
    error: "invalid_dpop_proof",
    nonce: null,
    date: new Date(clock.time + ms).toUTCString(),
  });
  deepEqual(prover.judge(target, proof, refusal(90_000)), { kind: "again" });
  const verdict = prover.judge(target, proof, refusal(90_000));
  ok(
    verdict.kind === "refused" && /clock: it is (89|90) s behind the server's/.test(verdict.hint ?? ""),
    Deno.inspect(verdict),
  );
  equal(prover.judge(target, proof, refusal(400 * 24 * 3_600_000)).kind, "refused");
  equal(prover.judge(target, proof, { ...refusal(0), date: "soon" }).kind, "refused");
  deepEqual(prover.judge(target, proof, { ...refusal(0), error: "invalid_token" }), { kind: "unrelated" });
});

Deno.test("a resource is asked again in the same way, by the challenge alone, and its body is left to the caller", async () => {
  const { prover } = await newProver();
  await using server = serve(async ({ headers }) => {
    const { payload } = await read(headers.get("dpop"));
    return payload.nonce === "rs-1" ? new Response("done") : new Response('{"error":"use_dpop_nonce"}', {
      status: 401,
      headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "rs-1" },
    });
  });
  const http = provenHttp(createHttp(), prover, "the-token");
  const response = await http(`${server.origin}/me?x=1`, { headers: { accept: "text/plain" }, stream: true });
  equal(await response.text(), "done");
  deepEqual(server.received.map(({ headers }) => headers.get("authorization")), [
    "DPoP the-token",
    "DPoP the-token",
  ]);
  const payloads = await payloadsOf(server.received);
  deepEqual(payloads.map(({ nonce }) => nonce), [undefined, "rs-1"]);
  ok(payloads.every(({ htu, ath }) => htu === `${server.origin}/me` && typeof ath === "string"));
});

Deno.test("a resource that redirects to another of its paths gets a proof for that one", async () => {
  const { prover } = await newProver();
  await using server = serve(async ({ url, headers }) => {
    if (url.pathname === "/a") return new Response(null, { status: 307, headers: { location: "/b" } });
    const { payload } = await read(headers.get("dpop"));
    return payload.htu === `${url.origin}/b` ? new Response("done") : new Response(null, {
      status: 401,
      headers: { "www-authenticate": 'DPoP error="invalid_dpop_proof"' },
    });
  });
  const http = provenHttp(createHttp(), prover, "at");
  equal(await (await http(`${server.origin}/a`, { stream: true })).text(), "done");
  deepEqual(server.asked, ["GET /a", "GET /b", "GET /a", "GET /b"]);
});

Deno.test("all tries of one request share its time limit", async () => {
  const { prover } = await newProver();
  let count = 0;
  await using server = serve(async () => {
    await new Promise((resolve) => setTimeout(resolve, 250));
    return Response.json({ error: "use_dpop_nonce" }, {
      status: 400,
      headers: { "dpop-nonce": `n${count++}` },
    });
  });
  const started = performance.now();
  const outcome = await provenHttp(createHttp(), prover)(server.origin, { method: "POST", timeoutMs: 400 })
    .then(
      ({ status }) => status,
      (error: McpAuthError) => error.code,
    );
  equal(outcome, "TIMEOUT");
  ok(performance.now() - started < 900);
  await new Promise((resolve) => setTimeout(resolve, 250));
});

Deno.test("whatever a server says of a proof, there is a verdict", async () => {
  const { prover } = await newProver();
  const target = { method: "GET", url: URL_OF_SERVER, accessToken: "at" };
  const proof = await prover.proof(target);
  const text = fc.option(fc.string({ unit: "binary", maxLength: 40 }));
  const error = fc.oneof(fc.constantFrom("use_dpop_nonce", "invalid_dpop_proof", undefined), fc.string());
  fc.assert(
    fc.property(error, text, text, (error, nonce, date) => {
      const verdict = prover.judge(target, proof, { error, nonce, date });
      ok(["again", "refused", "unrelated"].includes(verdict.kind));
      ok(error === "use_dpop_nonce" || error === "invalid_dpop_proof" || verdict.kind === "unrelated");
    }),
    { numRuns: 20_000 },
  );
  await read(await prover.proof(target), new Date());
});

Deno.test("X16: a proof that was signed ahead is for the very request that it goes with, fresh, and used once", async () => {
  const { clock, prover } = await newProver();
  const request = { method: "POST", url: URL_OF_SERVER, accessToken: "a" };
  const made: string[] = [];
  const make = async (change: { method?: string; accessToken?: string } = {}) => {
    made.push(await prover.proof({ ...request, ...change }, true));
    return (await read(made.at(-1), new Date(clock.time))).payload;
  };
  for (let times = 0; times < 3; times++) await make();
  equal((await make({ method: "GET" })).htm, "GET");
  equal((await make()).htm, "POST");
  const { ath } = await make({ accessToken: "b" });
  notEqual((await make()).ath, ath);
  clock.time += DPOP_READY_MAX_MS + 1_000;
  equal((await make()).iat, Math.floor(clock.time / 1000));
  clock.time -= 3_600_000;
  equal((await make()).iat, Math.floor(clock.time / 1000));
  prover.noteNonce(request, "one");
  for (const nonce of ["one", "two", "three"]) {
    prover.noteNonce(request, nonce);
    equal((await make()).nonce, nonce);
  }
  equal(new Set(made).size, made.length);
  // The last one signed ahead has to be done before the test is.
  await prover.proof({ method: "GET", url: "https://other.example.com/", accessToken: "a" });
});
