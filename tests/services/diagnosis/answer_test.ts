/** What a server's first answer is judged to be. */
import { equal, match } from "node:assert/strict";
import { askServer } from "../../../lib/services/diagnosis/answer.ts";
import { serve } from "../../primitives/http/local_server.ts";
import { checkOf, portsFor, subjectFor } from "./scene.ts";

const ANSWERS: readonly (readonly [string, () => Response, id: string, status: string, detail: RegExp])[] = [
  ["JSON", () => Response.json({}), "challenge", "ok", /^none: the server needs no sign-in$/],
  [
    "a page",
    () => new Response("<p>", { headers: { "content-type": "text/html" } }),
    "challenge",
    "fail",
    /a page/,
  ],
  ["405", () => new Response(null, { status: 405 }), "challenge", "fail", /answered 405/],
  ["410", () => new Response(null, { status: 410 }), "challenge", "fail", /answered 410/],
  ["400", () => Response.json({}, { status: 400 }), "challenge", "ok", /400 without asking/],
  [
    "401 and no more",
    () => new Response(null, { status: 401 }),
    "challenge",
    "warn",
    /without WWW-Authenticate/,
  ],
  ["Basic", () => refusal('Basic realm="x"'), "challenge", "warn", /401 basic/],
  [
    "403 and no more",
    () => new Response(null, { status: 403 }),
    "challenge",
    "fail",
    /forbids the request \(403\) and asks for no sign-in$/,
  ],
  [
    "403 with a challenge that says where to sign in",
    () => refusal('Bearer resource_metadata="https://a.example/m"', 403),
    "challenge",
    "ok",
    /^403 bearer, resource_metadata/,
  ],
  [
    "Bearer without metadata",
    () => refusal("Bearer"),
    "challenge",
    "warn",
    /the well-known places are tried/,
  ],
  [
    "Bearer with all",
    () => refusal('Bearer resource_metadata="https://a.example/m?x=secret", scope="a b"'),
    "challenge",
    "ok",
    /^401 bearer, resource_metadata https:\/\/a\.example\/m, scope "a b"$/,
  ],
  [
    "DPoP alone",
    () => refusal('DPoP algs="ES256", resource_metadata="https://a/"'),
    "challenge",
    "ok",
    /401 dpop/,
  ],
  [
    "a redirect to itself",
    () => new Response(null, { status: 302, headers: { location: "/login" } }),
    "challenge",
    "fail",
    /redirects \(302\) to "http:\/\/127\.0\.0\.1:\d+\/login"$/,
  ],
  ["500", () => new Response(null, { status: 500 }), "http", "fail", /answered 500/],
];

function refusal(challenge: string, status = 401): Response {
  return new Response(null, { status, headers: { "www-authenticate": challenge } });
}

for (const [description, answer, id, status, detail] of ANSWERS) {
  Deno.test(`an answer that is ${description} is ${status}`, async () => {
    await using server = serve(answer);
    const url = `${server.origin}/mcp`;
    const { checks, challenge } = await askServer(
      portsFor(url),
      subjectFor(url, { headers: () => ({ "x-team": "a" }) }),
      undefined,
      AbortSignal.timeout(5_000),
    );
    equal(checkOf(checks, id).status, status);
    match(checkOf(checks, id).detail, detail);
    equal(challenge === undefined, status === "fail");
    const [asked] = server.received;
    equal(asked?.headers.get("authorization"), null);
    equal(asked?.headers.get("x-team"), "a");
  });
}

Deno.test("an answer that came after a redirect says where it came from", async () => {
  await using server = serve(({ url }) =>
    url.pathname === "/mcp"
      ? new Response(null, { status: 307, headers: { location: "/login?next=secret" } })
      : new Response("<p>", { headers: { "content-type": "text/html" } })
  );
  const url = `${server.origin}/mcp`;
  const { checks } = await askServer(portsFor(url), subjectFor(url), undefined, AbortSignal.timeout(5_000));
  match(checkOf(checks, "http").detail, /, after a redirect to http:\/\/127\.0\.0\.1:\d+\/login$/);
});

for (
  const [off, status, words] of [
    [0, "ok", /as the server's/],
    [-90, "warn", /90 s ahead of the server/],
    [90, "warn", /this machine is \d+ s behind the server/],
    [-301, "fail", /5 min ahead/],
    [7_200, "fail", /2 h behind/],
  ] as const
) {
  Deno.test(`a server whose clock is ${off} s off is ${status}`, async () => {
    const date = new Date(Date.now() + off * 1000).toUTCString();
    await using server = serve(() =>
      new Response(null, { headers: { date, "content-type": "application/json" } })
    );
    const url = `${server.origin}/mcp`;
    const { checks } = await askServer(portsFor(url), subjectFor(url), undefined, AbortSignal.timeout(5_000));
    equal(checkOf(checks, "clock").status, status, checkOf(checks, "clock").detail);
    match(checkOf(checks, "clock").detail, words);
  });
}

Deno.test("a header whose variable is not set is told in place of a request", async () => {
  await using server = serve(() => Response.json({}));
  const url = `${server.origin}/mcp`;
  const headers = () => {
    throw new Error("X is not set");
  };
  const { checks } = await askServer(
    portsFor(url),
    subjectFor(url, { headers }),
    undefined,
    AbortSignal.timeout(5_000),
  );
  match(checkOf(checks, "http").detail, /X is not set/);
  equal(server.received.length, 0);
});
