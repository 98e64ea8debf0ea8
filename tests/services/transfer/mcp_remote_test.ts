/** The sign-ins of mcp-remote: found, recognized, and taken over where it is certain whose they are. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { md5Hex } from "../../../lib/primitives/system/md5.ts";
import {
  type BindingRequest,
  notedIssuer,
  readRemoteFolder,
  recognize,
  type RemoteState,
  toEntry,
} from "../../../lib/services/transfer/mod.ts";
import { readClient, readTokens } from "../../../lib/services/transfer/mcp_remote/state.ts";
import { readEntry } from "../../../lib/services/transfer/entry_fields.ts";
import {
  clientText,
  fileFor,
  jwt,
  type RemoteFiles,
  remoteFolder,
  tokensText,
  UNREADABLE,
} from "./remote_files.ts";
import { ISSUER, NOW } from "./scene.ts";

const URL_A = "https://a.example/mcp";
const URL_B = "https://b.example/sse";

const read = (files: RemoteFiles) => readRemoteFolder(remoteFolder(files), NOW);

Deno.test("the newest folder that has tokens counts: the shared store, then the versions, then the first files", async () => {
  const places = [
    "mcp-remote-v2/",
    "mcp-remote-v1/",
    "mcp-remote-0.10.0/",
    "mcp-remote-0.2.7/",
    "mcp-remote-0.1.38/",
    "mcp-remote-0.1.38-1/",
    "mcp-remote-0.1.9/",
    "",
  ];
  for (let first = 0; first < places.length; first++) {
    const files = Object.fromEntries(
      places.slice(first).toReversed().map((place) => [
        `${place}${fileFor(URL_A)}`,
        tokensText({ access_token: `of ${place}` }),
      ]),
    );
    const { states, problems } = await read(files);
    equal(states.length, 1);
    equal(states[0]!.tokens?.accessToken, `of ${places[first]}`);
    equal(states[0]!.folder, places[first]!.slice(0, -1));
    deepEqual(problems, []);
  }
});

Deno.test("a newer folder without tokens does not hide an older one with them, and clients are not mixed", async () => {
  const { states } = await read({
    [`mcp-remote-v1/${fileFor(URL_A, "client_info.json")}`]: clientText({ client_id: "newer" }),
    [`mcp-remote-0.1.38/${fileFor(URL_A)}`]: tokensText(),
    [`mcp-remote-0.1.37/${fileFor(URL_A)}`]: tokensText(),
    [`mcp-remote-0.1.37/${fileFor(URL_A, "client_info.json")}`]: clientText({ client_id: "older" }),
    [`mcp-remote-v1/${fileFor(URL_B, "client_info.json")}`]: clientText(),
  });
  const [a, b] = [URL_A, URL_B].map((url) => states.find(({ hash }) => hash === md5Hex(url))!);
  equal(a!.folder, "mcp-remote-0.1.38");
  equal(a!.client, undefined);
  equal(b!.folder, "mcp-remote-v1");
  equal(b!.tokens, undefined);
});

Deno.test("other files and folders are passed over", async () => {
  const { states, problems } = await read({
    "mcp-remote-evil/0123456789abcdef0123456789abcdef_tokens.json": tokensText(),
    "other/0123456789abcdef0123456789abcdef_tokens.json": tokensText(),
    "mcp-remote-v1/0123456789abcdef0123456789abcdef_lock.json": "{}",
    "mcp-remote-v1/0123456789abcdef0123456789abcdef_code_verifier_x.txt": "secret",
    "mcp-remote-v1/tokens.json": tokensText(),
    "mcp-remote-v1/0123456789ABCDEF0123456789abcdef_tokens.json": tokensText(),
    "mcp-remote-v1/0123456789abcdef0123456789abcdef_tokens.json.12.tmp": tokensText(),
  });
  deepEqual({ states, problems }, { states: [], problems: [] });
});

Deno.test("what cannot be read or is malformed is a problem, and hides nothing else", async () => {
  const { states, problems } = await read({
    [`mcp-remote-v1/${fileFor(URL_A)}`]: UNREADABLE,
    [`mcp-remote-v1/${fileFor(URL_B)}`]: "{half",
    [`mcp-remote-0.1.38/${fileFor(URL_B)}`]: tokensText(),
    [`mcp-remote-0.1.38/${fileFor(URL_B, "client_info.json")}`]: "[]",
  });
  equal(states.find(({ hash }) => hash === md5Hex(URL_B))?.tokens?.accessToken, "at");
  equal(problems.length, 3);
  ok(problems.every((problem) => problem.startsWith("Cannot ")));
});

Deno.test("an expiry that is noted is taken; else the life is counted from the age of the file (row 5)", () => {
  const written = NOW - 600_000;
  const expiry = (members: object, writtenAt: number | undefined = written) => {
    const { obtainedAt, expiresAt } = readTokens(tokensText(members), writtenAt, NOW)!;
    return [obtainedAt, expiresAt];
  };
  deepEqual(expiry({ expires_in: 3600 }), [written, written + 3_600_000]);
  deepEqual(expiry({ expires_in: "3600" }), [written, written + 3_600_000]);
  deepEqual(expiry({ expires_in: 3600, expires_at: NOW + 5 }), [written, NOW + 5]);
  deepEqual(expiry({ expires_at: `${NOW + 5}` }), [written, NOW + 5]);
  deepEqual(expiry({}), [written, undefined], "not known: used until the server refuses it (row 7)");
  for (const expires_in of [0, -1, null, "soon", 1e300, {}]) {
    deepEqual(expiry({ expires_in }), [written, undefined]);
  }
  deepEqual(expiry({ expires_in: 60 }, NOW + 1e9), [NOW, NOW + 60_000], "no file comes from the future");
  equal(readTokens(tokensText({ expires_in: 60 }), undefined, NOW)?.expiresAt, NOW + 60_000);
});

Deno.test("tokens and clients of any other shape are none", () => {
  for (
    const text of ["", "null", "[]", "1", "{}", '{"access_token":1}', tokensText({ access_token: "a\nb" })]
  ) {
    equal(readTokens(text, NOW, NOW), undefined, text);
  }
  for (const text of ["", "null", "{}", '{"client_id":""}', clientText({ client_id: "a\u0000" })]) {
    equal(readClient(text), undefined, text);
  }
  const tokens = readTokens(tokensText({ refresh_token: 1, scope: [], issuer: {}, id_token: "" }), NOW, NOW)!;
  deepEqual([tokens.refreshToken, tokens.scopes, tokens.issuer, tokens.idToken], Array(4).fill(undefined));
  const client = readClient(clientText({ redirect_uris: "x", client_secret_expires_at: 0 }))!;
  deepEqual([client.redirectUris, client.clientSecretExpiresAt], [[], undefined]);
});

Deno.test("any JSON at all is read without a throw, and makes an entry that any store takes", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (tokens, client) => {
      const state: RemoteState = {
        hash: md5Hex(URL_A),
        folder: "mcp-remote-v1",
        tokens: readTokens(JSON.stringify(tokens), NOW, NOW),
        client: readClient(JSON.stringify(client)),
        loggedUrls: [],
      };
      recognize([state], [URL_A], md5Hex);
      const { entry } = toEntry(binding({}, state));
      deepEqual(readEntry(JSON.parse(JSON.stringify(entry)), ""), entry);
    }),
    { numRuns: 500 },
  );
});

Deno.test("a state is recognized by a URL that is given, noted in its log, or the audience of its tokens", async () => {
  const { states } = await read({
    [`mcp-remote-v1/${fileFor("https://given.example/mcp")}`]: tokensText(),
    [`mcp-remote-v1/${fileFor("https://logged.example/mcp")}`]: tokensText(),
    [`mcp-remote-v1/${fileFor("https://logged.example/mcp", "debug.log")}`]:
      "[2026-01-01T00:00:00.000Z][7] Starting mcp-remote with server URL: https://logged.example/mcp \n",
    [`mcp-remote-v1/${fileFor("https://audience.example/mcp")}`]: tokensText({
      access_token: jwt({ aud: ["https://other.example", "https://audience.example/mcp"] }),
    }),
    [`mcp-remote-v1/${fileFor("https://silent.example/mcp")}`]: tokensText({ access_token: jwt({ aud: 7 }) }),
  });
  const { recognized, unknown } = recognize(states, ["https://given.example/mcp", "nonsense"], md5Hex);
  deepEqual(recognized.map(({ url }) => url).sort(), [
    "https://audience.example/mcp",
    "https://given.example/mcp",
    "https://logged.example/mcp",
  ]);
  deepEqual(unknown.map(({ hash }) => hash), [md5Hex("https://silent.example/mcp")]);
});

Deno.test("a URL that does not give the name of the file is not believed", async () => {
  const { states } = await read({
    [`mcp-remote-v1/${fileFor(URL_A)}`]: tokensText({ access_token: jwt({ aud: URL_B }) }),
    [`mcp-remote-v1/${fileFor(URL_A, "debug.log")}`]: `server URL: ${URL_B}\nserver URL: ${URL_A}/\n`,
  });
  deepEqual(recognize(states, [URL_B], md5Hex).recognized, []);
  equal(recognize(states, [URL_A], md5Hex).recognized.length, 1);
});

Deno.test("a state that mcp-remote was told a resource for is recognized by both", async () => {
  const { states } = await read({ [`mcp-remote-v1/${fileFor(`${URL_A}|${URL_B}`)}`]: tokensText() });
  deepEqual(
    recognize(states, [URL_B, URL_A], md5Hex).recognized.map(({ url, resource }) => [url, resource]),
    [
      [URL_A, URL_B],
    ],
  );
});

Deno.test("URLs that this program would not use are not recognized", async () => {
  const urls = [
    "http://plain.example/mcp",
    "https://u:p@a.example/",
    "https://a.example/#b",
    "file:///etc/passwd",
  ];
  const { states } = await read(
    Object.fromEntries(urls.map((url) => [`mcp-remote-v1/${fileFor(url)}`, tokensText()])),
  );
  deepEqual(recognize(states, urls, md5Hex).recognized, []);
});

/** What {@linkcode toEntry} gets; the server names `ISSUER` now. */
function binding(changes: Partial<BindingRequest>, state: Partial<RemoteState>): BindingRequest {
  return {
    name: "demo",
    recognized: {
      url: URL_A,
      state: {
        hash: md5Hex(URL_A),
        folder: "mcp-remote-v1",
        tokens: undefined,
        client: undefined,
        loggedUrls: [],
        ...state,
      },
    },
    current: {
      server: {
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/authorize`,
        token_endpoint: `${ISSUER}/token`,
        token_endpoint_auth_methods_supported: ["client_secret_post"],
      },
      resource: URL_A,
      withoutMetadata: false,
    },
    issuer: undefined,
    now: NOW,
    ...changes,
  };
}

const tokens = (members: object = {}) => readTokens(tokensText(members), NOW - 1_000, NOW);
const client = (members: object = {}) => readClient(clientText(members));

Deno.test("tokens of the issuer that the server names are taken over with all that a refresh needs (row 5)", () => {
  const { entry, withoutTokens } = toEntry(binding({}, {
    tokens: tokens({
      issuer: ISSUER,
      expires_in: 3600,
      scope: "a b",
      requested_scope: "a b c",
      id_token: jwt({ email: "alice@example.com", iss: ISSUER }),
    }),
    client: client({
      issuer: ISSUER,
      client_secret: "s3cret",
      client_id_issued_at: NOW / 1000 - 60,
      client_secret_expires_at: NOW / 1000 + 60,
      registration_access_token: "not ours",
      registration_client_uri: `${ISSUER}/register/client`,
    }),
  }));
  equal(withoutTokens, undefined);
  deepEqual(entry, {
    server: { name: "demo", url: URL_A, createdAt: NOW, signIn: "oauth", options: {} },
    credential: {
      name: "demo",
      issuer: ISSUER,
      authorizationServer: {
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/authorize`,
        token_endpoint: `${ISSUER}/token`,
      },
      client: {
        issuer: ISSUER,
        redirectShape: "entry:demo",
        source: "dynamic",
        clientId: "client",
        clientSecret: "s3cret",
        clientSecretExpiresAt: NOW + 60_000,
        tokenEndpointAuthMethod: "client_secret_post",
        redirectUris: ["http://localhost:4682/oauth/callback"],
        registeredAt: NOW - 60_000,
      },
      resource: URL_A,
      requestedScopes: ["a", "b", "c"],
      grantedScopes: ["a", "b"],
      accessToken: "at",
      tokenType: "bearer",
      refreshToken: "rt",
      idToken: entry.credential?.idToken,
      expiresAt: NOW - 1_000 + 3_600_000,
      obtainedAt: NOW - 1_000,
      account: "alice@example.com",
    },
    clients: [],
  });
});

Deno.test("a resource that mcp-remote was told is the entry's own", () => {
  const request = binding({}, { tokens: tokens({ issuer: ISSUER }), client: client() });
  const { entry } = toEntry({ ...request, recognized: { ...request.recognized, resource: URL_B } });
  equal(entry.server.options.resource, URL_B);
  equal(entry.credential?.resource, URL_B);
});

const OTHER = "https://other.example";

/** What a state says of its issuer, what the person says, and whether the tokens are taken over. */
const CERTAINTY: readonly (readonly [
  what: string,
  request: Partial<BindingRequest>,
  state: Partial<RemoteState>,
  why: RegExp | undefined,
])[] = [
  ["the tokens note it", {}, { tokens: tokens({ issuer: ISSUER }), client: client() }, undefined],
  ["the client notes it", {}, { tokens: tokens(), client: client({ issuer: ISSUER }) }, undefined],
  ["the access token says it", {}, {
    tokens: tokens({ access_token: jwt({ iss: ISSUER }) }),
    client: client(),
  }, undefined],
  [
    "the ID token says it",
    {},
    { tokens: tokens({ id_token: jwt({ iss: ISSUER }) }), client: client() },
    undefined,
  ],
  ["the person vouches for it", { issuer: ISSUER }, { tokens: tokens(), client: client() }, undefined],
  [
    "nobody says it",
    {},
    { tokens: tokens(), client: client() },
    /did not note their issuer.*--issuer https:\/\/issuer/,
  ],
  [
    "the tokens note another",
    {},
    { tokens: tokens({ issuer: OTHER }), client: client() },
    /of the issuer "https:\/\/other/,
  ],
  [
    "the client notes another",
    {},
    { tokens: tokens({ issuer: ISSUER }), client: client({ issuer: OTHER }) },
    /other/,
  ],
  [
    "it differs in its final slash",
    {},
    { tokens: tokens({ issuer: `${ISSUER}/` }), client: client() },
    /of the issuer/,
  ],
  ["the access token says another", {}, {
    tokens: tokens({ access_token: jwt({ iss: OTHER }) }),
    client: client(),
  }, /other/],
  [
    "the two tokens disagree",
    {},
    {
      tokens: tokens({ access_token: jwt({ iss: ISSUER }), id_token: jwt({ iss: OTHER }) }),
      client: client(),
    },
    /other/,
  ],
  ["the person vouches for another", { issuer: OTHER }, { tokens: tokens(), client: client() }, /other/],
  [
    "the person vouches against what is noted",
    { issuer: OTHER },
    { tokens: tokens({ issuer: ISSUER }), client: client() },
    /other/,
  ],
  [
    "a note beats what the person vouches for",
    { issuer: ISSUER },
    { tokens: tokens({ issuer: OTHER }), client: client() },
    /other/,
  ],
  [
    "the tokens are of another client",
    {},
    { tokens: tokens({ access_token: jwt({ iss: ISSUER, client_id: "someone else" }) }), client: client() },
    /issued to another client/,
  ],
  ["there is no client", {}, { tokens: tokens({ issuer: ISSUER }) }, /did not store its client/],
  ["there are no tokens", {}, { client: client({ issuer: ISSUER }) }, /nobody was signed in/],
];

for (const [what, request, state, why] of CERTAINTY) {
  Deno.test(`${what}: tokens are ${why === undefined ? "" : "not "}taken over (C35)`, () => {
    const { entry, withoutTokens } = toEntry(binding(request, state));
    equal(entry.server.url, URL_A);
    if (why === undefined) {
      equal(withoutTokens, undefined);
      equal(entry.credential?.issuer, ISSUER);
      equal(entry.credential?.client.issuer, ISSUER);
    } else {
      match(withoutTokens ?? "", why);
      equal(entry.credential, undefined);
    }
  });
}

Deno.test("a server without metadata only guesses its issuer: tokens are not taken over", () => {
  const request = binding({ issuer: ISSUER }, { tokens: tokens({ issuer: ISSUER }), client: client() });
  const { entry, withoutTokens } = toEntry({
    ...request,
    current: { ...request.current, withoutMetadata: true },
  });
  equal(entry.credential, undefined);
  match(withoutTokens ?? "", /no metadata/);
});

Deno.test("the noted issuer is preferred where a server names several", () => {
  const noted = (state: Partial<RemoteState>) => notedIssuer(binding({}, state).recognized);
  equal(
    noted({
      tokens: tokens({ issuer: "a", access_token: jwt({ iss: "c" }) }),
      client: client({ issuer: "b" }),
    }),
    "a",
  );
  equal(noted({ tokens: tokens({ access_token: jwt({ iss: "c" }) }), client: client({ issuer: "b" }) }), "b");
  equal(noted({ tokens: tokens({ access_token: jwt({ iss: "c" }) }), client: client() }), "c");
  equal(noted({ tokens: tokens(), client: client() }), undefined);
});
