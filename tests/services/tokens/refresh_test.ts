/**
 * The refresh as a transaction: once for all who want it, never one refresh token twice, never over a newer pair.
 *
 * @see RFC 6749 section 6, RFC 9700 section 4.14; behaviours rows 1, 2, 4 and 6
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import type { CredentialStore } from "../../../lib/services/credentials/mod.ts";
import { fakeGrantPorts } from "../../fakes/grant_ports.ts";
import { coded } from "../../primitives/coded_error.ts";
import { HOUR, MINUTE, type Scene, setScene } from "./scene.ts";
import { refusal, tokens } from "./token_endpoint.ts";

for (const kind of ["memory", "file"] as const) {
  Deno.test(`row 2: 50 callers at once share one request (${kind} store)`, async () => {
    const home = kind === "file" ? await Deno.makeTempDir() : undefined;
    try {
      await using scene = await setScene(home === undefined ? {} : { home });
      scene.clock.time += 2 * HOUR;
      const all = await Promise.all(Array.from({ length: 50 }, () => scene.authority.current("demo")));
      deepEqual([...new Set(all.map((each) => each.accessToken))], ["at-1"]);
      deepEqual(scene.endpoint.presented, ["rt-0"]);
      equal(scene.shields.total, 1);
    } finally {
      if (home !== undefined) await Deno.remove(home, { recursive: true });
    }
  });

  Deno.test(`row 1: 8 authorities over one store never present a refresh token twice (${kind} store)`, async () => {
    const home = kind === "file" ? await Deno.makeTempDir() : undefined;
    try {
      await using scene = await setScene(home === undefined ? {} : { home });
      const siblings = Array.from({ length: 8 }, () => scene.sibling());
      for (let round = 1; round <= 3; round++) {
        scene.clock.time += 2 * HOUR;
        const all = await Promise.all(siblings.map((sibling) => sibling.current("demo")));
        deepEqual([...new Set(all.map((each) => each.accessToken))], [`at-${round}`]);
      }
      deepEqual(scene.endpoint.presented, ["rt-0", "rt-1", "rt-2"]);
    } finally {
      if (home !== undefined) await Deno.remove(home, { recursive: true });
    }
  });
}

Deno.test("row 2: callers that were refused the same token at different times get one new token", async () => {
  await using scene = await setScene();
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-1");
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-1");
  equal((await scene.sibling().refresh("demo", "at-0")).accessToken, "at-1");
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("row 1: a pair that a sibling stored while the lock was waited for is adopted", async () => {
  await using scene = await setScene();
  scene.clock.time += 2 * HOUR;
  const lock = await hold(scene, "demo");
  const current = scene.sibling().current("demo");
  await scene.signInElsewhere({
    accessToken: "at-sibling",
    refreshToken: "rt-sibling",
    obtainedAt: scene.clock.now(),
    expiresAt: scene.clock.now() + HOUR,
  });
  await lock.release();
  equal((await current).accessToken, "at-sibling");
  deepEqual(scene.endpoint.presented, []);
});

Deno.test("a sibling's pair that has expired already is refreshed, with its own refresh token", async () => {
  await using scene = await setScene();
  scene.endpoint.script = () => tokens({ access_token: "at-new" });
  scene.clock.time += 2 * HOUR;
  await scene.signInElsewhere({ accessToken: "at-sibling", refreshToken: "rt-sibling" });
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-new");
  deepEqual(scene.endpoint.presented, ["rt-sibling"]);
});

Deno.test("while an entry is changed as a whole, nobody refreshes it", async () => {
  await using scene = await setScene();
  scene.clock.time += 2 * HOUR;
  const lock = await hold(scene, "demo");
  const current = scene.authority.current("demo");
  await new Promise((resolve) => setTimeout(resolve, 60));
  deepEqual(scene.endpoint.presented, []);
  await scene.signOutElsewhere();
  await lock.release();
  await rejects(current, coded("AUTH_REQUIRED"));
  deepEqual(scene.endpoint.presented, []);
});

Deno.test("entries do not wait for each other", async () => {
  await using scene = await setScene();
  const lock = await hold(scene, "other");
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-1");
  await lock.release();
});

Deno.test("whoever waits for an entry can give up", async () => {
  await using scene = await setScene();
  const lock = await hold(scene, "demo");
  const cancelled = new McpAuthError("AUTH_CANCELLED", "Cancelled by signal");
  const controller = new AbortController();
  const waiting = rejects(
    scene.authority.exclusive("demo", () => Promise.reject(new Error("must not run")), controller.signal),
    cancelled,
  );
  controller.abort(cancelled);
  await waiting;
  await lock.release();
  equal(await scene.authority.exclusive("demo", () => Promise.resolve("next")), "next");
});

Deno.test("the wait for the lock can be interrupted, and nothing from the request to the write can", async () => {
  const seen: number[] = [];
  await using scene = await setScene({
    script: () => {
      seen.push(scene.shields.open);
      return undefined;
    },
    wrapStore: (store) =>
      wrapped(store, (change) => {
        seen.push(scene.shields.open);
        return change();
      }),
  });
  const lock = await hold(scene, "demo");
  const refreshed = scene.authority.refresh("demo", "at-0");
  await new Promise((resolve) => setTimeout(resolve, 20));
  equal(scene.shields.total, 0);
  await lock.release();
  await refreshed;
  deepEqual(seen, [1, 1, 1], "the note, the request and the write of the answer");
});

Deno.test("the request carries the resource and the client, and never the access token", async () => {
  const forms: URLSearchParams[] = [];
  await using scene = await setScene({ script: ({ form }) => void forms.push(form) });
  await scene.authority.refresh("demo", "at-0");
  deepEqual(Object.fromEntries(forms[0]!), {
    grant_type: "refresh_token",
    refresh_token: "rt-0",
    resource: "https://mcp.example.com/mcp",
    client_id: "client",
  });
});

Deno.test("row 6: what the response leaves out stays as it was; what it names is replaced", async () => {
  await using scene = await setScene({ credential: { idToken: "id-0", grantedScopes: ["read", "write"] } });
  scene.endpoint.script = () => tokens({ access_token: "at-new" });
  await scene.authority.refresh("demo", "at-0");
  const kept = await scene.stored();
  deepEqual(
    [kept?.refreshToken, kept?.idToken, kept?.grantedScopes, kept?.requestedScopes],
    ["rt-0", "id-0", ["read", "write"], ["read"]],
  );
  scene.endpoint.script = () =>
    tokens({ access_token: "at-newer", refresh_token: "rt-new", scope: "read", id_token: "id-1" });
  await scene.authority.refresh("demo", "at-new");
  const replaced = await scene.stored();
  deepEqual(
    [replaced?.refreshToken, replaced?.idToken, replaced?.grantedScopes],
    ["rt-new", "id-1", ["read"]],
  );
});

Deno.test("row 7: a response without an expiry leaves none behind, not the old one", async () => {
  for (const expires_in of [undefined, null, 0, "soon"]) {
    await using scene = await setScene({ script: () => tokens({ access_token: "at-new", expires_in }) });
    const refreshed = await scene.authority.refresh("demo", "at-0");
    equal("expiresAt" in refreshed, false);
    scene.clock.time += 99 * HOUR;
    equal((await scene.authority.current("demo")).accessToken, "at-new");
  }
});

Deno.test("a success forgets the error before it", async () => {
  await using scene = await setScene({
    credential: { lastError: { code: "TOKEN_REFRESH_FAILED", message: "earlier", at: 1 } },
  });
  await scene.authority.refresh("demo", "at-0");
  equal("lastError" in (await scene.stored())!, false);
});

Deno.test("a server that gives the same access token again is asked once per need", async () => {
  await using scene = await setScene({ script: () => tokens({ access_token: "at-0", expires_in: 3600 }) });
  scene.clock.time += 2 * HOUR;
  const all = await Promise.all(Array.from({ length: 20 }, () => scene.authority.current("demo")));
  ok(all.every((each) => each.accessToken === "at-0" && each.expiresAt === scene.clock.now() + HOUR));
  await scene.authority.current("demo");
  equal(scene.endpoint.presented.length, 1);
});

for (
  const [error, status] of [["invalid_grant", 400], ["invalid_client", 401], [
    "unauthorized_client",
    400,
  ]] as const
) {
  Deno.test(`row 3: ${error} (${status}) ends the sign-in: the refresh token goes, the rest stays, and says why`, async () => {
    await using scene = await setScene({ script: () => refusal(error, status) });
    await rejects(scene.authority.refresh("demo", "at-0"), coded("TOKEN_REFRESH_FAILED", new RegExp(error)));
    const { refreshToken: _gone, ...rest } = scene.credential;
    const { lastError, ...stored } = (await scene.stored())!;
    deepEqual(stored, rest);
    equal(lastError?.code, "TOKEN_REFRESH_FAILED");
    equal(lastError?.at, scene.clock.now());
    equal((await scene.authority.current("demo")).accessToken, "at-0", "it works until it expires");
    scene.clock.time += 2 * HOUR;
    await rejects(scene.authority.current("demo"), coded("TOKEN_REFRESH_FAILED", new RegExp(error)));
    await rejects(scene.authority.refresh("demo", "at-0"), coded("TOKEN_REFRESH_FAILED", new RegExp(error)));
    deepEqual(scene.endpoint.presented, ["rt-0"]);
  });
}

Deno.test("row 4: a definitive error does not touch the pair that a sign-in stored meanwhile, and that pair is served", async () => {
  await using scene = await setScene({
    script: async () => {
      await scene.signInElsewhere({ accessToken: "at-signed-in", refreshToken: "rt-signed-in" });
      return refusal("invalid_grant");
    },
  });
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-signed-in");
  const stored = await scene.stored();
  deepEqual([stored?.refreshToken, stored?.lastError], ["rt-signed-in", undefined]);
});

Deno.test("row 4: a definitive error after a sign-out leaves nothing behind", async () => {
  await using scene = await setScene({
    script: async () => {
      await scene.signOutElsewhere();
      return refusal("invalid_grant");
    },
  });
  await rejects(scene.authority.refresh("demo", "at-0"), coded("AUTH_REQUIRED", /signed out meanwhile/));
  equal(await scene.stored(), undefined);
});

Deno.test("row 4: fresh tokens do not overwrite the pair that a sign-in stored meanwhile", async () => {
  await using scene = await setScene({
    script: async () => {
      await scene.signInElsewhere({ accessToken: "at-signed-in", refreshToken: "rt-signed-in" });
      return tokens({ access_token: "at-late" });
    },
  });
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-signed-in");
  equal((await scene.stored())?.refreshToken, "rt-signed-in");
});

/** A store whose changes of a credential fail, by their number; the first of a refresh is its note. */
function failingAt(fails: (change: number) => boolean): (store: CredentialStore) => CredentialStore {
  let changes = 0;
  return (store) =>
    wrapped(store, async (change) => {
      if (fails(++changes)) throw new McpAuthError("STORE_UNAVAILABLE", "Cannot write: the disk is full");
      return await change();
    });
}

Deno.test("row 1: tokens that could not be stored are stored by the next use, and their refresh token is not spent again", async () => {
  await using scene = await setScene({ wrapStore: failingAt((change) => change === 2 || change === 3) });
  scene.clock.time += 2 * HOUR;
  await rejects(scene.authority.current("demo"), coded("STORE_UNAVAILABLE"));
  await rejects(scene.authority.current("demo"), coded("STORE_UNAVAILABLE"));
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  const stored = await scene.stored();
  deepEqual([stored?.refreshToken, stored?.pendingRefresh], ["rt-1", undefined]);
  deepEqual(scene.endpoint.presented, ["rt-0"]);
  scene.clock.time += 2 * HOUR;
  equal((await scene.authority.current("demo")).accessToken, "at-2");
});

Deno.test("tokens that could not be stored are stored by the next use although the old one still works", async () => {
  await using scene = await setScene({ wrapStore: failingAt((change) => change === 2) });
  scene.clock.time += 56 * MINUTE;
  equal((await scene.authority.current("demo")).accessToken, "at-0");
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("tokens that could not be stored and have expired since are stored and refreshed", async () => {
  await using scene = await setScene({ wrapStore: failingAt((change) => change === 2) });
  scene.clock.time += 2 * HOUR;
  await rejects(scene.authority.current("demo"), coded("STORE_UNAVAILABLE"));
  scene.clock.time += 2 * HOUR;
  equal((await scene.authority.current("demo")).accessToken, "at-2");
  deepEqual(scene.endpoint.presented, ["rt-0", "rt-1"]);
});

Deno.test("tokens that could not be stored are forgotten once somebody has signed in", async () => {
  await using scene = await setScene({ wrapStore: failingAt((change) => change === 2) });
  await rejects(scene.authority.refresh("demo", "at-0"), coded("STORE_UNAVAILABLE"));
  await scene.signInElsewhere({ accessToken: "at-signed-in", refreshToken: "rt-1" });
  equal((await scene.authority.refresh("demo", "at-signed-in")).accessToken, "at-2");
  deepEqual(scene.endpoint.presented, ["rt-0", "rt-1"]);
});

Deno.test("tokens that could not be stored do not take the place of newer ones, where refresh tokens do not rotate", async () => {
  await using scene = await setScene({ wrapStore: failingAt((change) => change === 2) });
  scene.endpoint.script = ({ index }) => tokens({ access_token: `at-${index + 1}` });
  scene.clock.time += 2 * HOUR;
  await rejects(scene.authority.current("demo"), coded("STORE_UNAVAILABLE"));
  scene.clock.time += HOUR;
  equal((await scene.sibling().current("demo")).accessToken, "at-2");
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-2");
  equal((await scene.stored())?.accessToken, "at-2");
});

Deno.test("row 1: what else of a credential was changed meanwhile stays, and the new pair is stored with it", async () => {
  for (const script of [() => undefined, () => refusal("invalid_scope"), () => refusal("invalid_grant")]) {
    await using scene = await setScene();
    scene.endpoint.script = async () => {
      const found = (await scene.store.credential("demo"))!;
      await scene.store.changeCredential("demo", found.version, { ...found.record, account: "alice" });
      return script();
    };
    await scene.authority.refresh("demo", "at-0").catch((error) => ok(error instanceof McpAuthError));
    const stored = await scene.stored();
    equal(stored?.account, "alice");
    equal(stored?.pendingRefresh, undefined);
    ok(stored?.refreshToken !== "rt-0" || stored.lastError !== undefined);
  }
});

Deno.test("a full disk before the request: nothing is sent, a token that works is served, and one that does not is the store's error", async () => {
  let full = true;
  await using scene = await setScene({ wrapStore: failingAt(() => full) });
  scene.clock.time += 56 * MINUTE;
  equal((await scene.authority.current("demo")).accessToken, "at-0");
  scene.clock.time += HOUR;
  await rejects(scene.authority.current("demo"), coded("STORE_UNAVAILABLE", /disk is full/));
  deepEqual(scene.endpoint.presented, []);
  full = false;
  equal((await scene.authority.current("demo")).accessToken, "at-1");
  deepEqual(scene.endpoint.presented, ["rt-0"]);
});

Deno.test("room for the answer is held from before the note until right before its write, and without room nothing is sent", async () => {
  const seen: string[] = [];
  let full = false;
  await using scene = await setScene({
    script: () => void seen.push("sent"),
    room: () => {
      if (full) {
        return Promise.reject(new McpAuthError("STORE_UNAVAILABLE", "Cannot hold room: the disk is full"));
      }
      seen.push("held");
      return Promise.resolve({ [Symbol.dispose]: () => void seen.push("given back") });
    },
    wrapStore: (store) =>
      wrapped(store, (change) => {
        seen.push("written");
        return change();
      }),
  });
  await scene.authority.refresh("demo", "at-0");
  deepEqual(seen.slice(0, 5), ["held", "written", "sent", "given back", "written"]);
  full = true;
  await rejects(scene.authority.refresh("demo", "at-1"), coded("STORE_UNAVAILABLE", /disk is full/));
  deepEqual(scene.endpoint.presented, ["rt-0"]);
  equal((await scene.stored())?.pendingRefresh, undefined);
});

Deno.test("a failure that cannot be stored is told all the same", async () => {
  await using scene = await setScene({
    wrapStore: failingAt((change) => change === 2),
    script: () => refusal("invalid_grant"),
  });
  await rejects(scene.authority.refresh("demo", "at-0"), coded("TOKEN_REFRESH_FAILED", /invalid_grant/));
});

Deno.test("row 1: whoever ends the process waits for the write of the answer, and not for a turn that has not come", async () => {
  const arrived = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  await using scene = await setScene({
    script: async () => {
      arrived.resolve();
      await proceed.promise;
      return undefined;
    },
  });
  const other = scene.sibling();
  const refreshed = scene.authority.refresh("demo", "at-0");
  await arrived.promise;
  const waiting = other.refresh("demo", "at-0");
  equal(other.idle, true);
  await other.settled();
  let stored = false;
  const settled = scene.authority.settled().then(() => stored = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  deepEqual([scene.authority.idle, stored], [false, false]);
  proceed.resolve();
  await settled;
  equal((await scene.stored())?.accessToken, "at-1");
  deepEqual([(await refreshed).accessToken, (await waiting).accessToken], ["at-1", "at-1"]);
});

Deno.test("locks that could not be had are asked for again", async () => {
  await using scene = await setScene();
  const { TokenAuthority } = await import("../../../lib/services/tokens/mod.ts");
  const { createHttp } = await import("../../../lib/primitives/http/client.ts");
  let asked = 0;
  const authority = new TokenAuthority({
    store: scene.store,
    clock: scene.clock,
    http: () => createHttp(),
    grants: () => Promise.resolve(fakeGrantPorts(scene)),
    shield: (operation) => operation(),
    room: () => Promise.resolve({ [Symbol.dispose]: () => {} }),
    audit: { record: () => {} },
    locks: () =>
      asked++ === 0
        ? Promise.reject(new McpAuthError("STORE_UNAVAILABLE", "Cannot create the folder"))
        : Promise.resolve(scene.locks),
  });
  await rejects(authority.refresh("demo", "at-0"), coded("STORE_UNAVAILABLE"));
  equal((await authority.refresh("demo", "at-0")).accessToken, "at-1");
});

Deno.test("an error that ended one refresh does not stay for the next that a person asks for", async () => {
  await using scene = await setScene({
    script: ({ index }) => index === 0 ? new Response(null, { status: 502 }) : undefined,
  });
  await rejects(scene.authority.refresh("demo", "at-0"), coded("SERVER_ERROR"));
  equal((await scene.authority.refresh("demo", "at-0")).accessToken, "at-1");
  scene.clock.time += 56 * MINUTE;
  equal((await scene.authority.current("demo")).accessToken, "at-2");
});

/** Holds an entry, as a process that changes it does. */
async function hold(scene: Scene, name: string): Promise<{ release(): Promise<void> }> {
  const begun = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const held = scene.authority.exclusive(name, () => {
    begun.resolve();
    return released.promise;
  });
  await begun.promise;
  return {
    release: async () => {
      released.resolve();
      await held;
    },
  };
}

/** The store with something around each change of a credential. */
function wrapped(
  store: CredentialStore,
  around: (change: () => Promise<string | undefined>) => Promise<string | undefined>,
): CredentialStore {
  return new Proxy(store, {
    get: (target, property) =>
      property === "changeCredential"
        ? (...args: Parameters<CredentialStore["changeCredential"]>) =>
          around(() => target.changeCredential(...args))
        : typeof Reflect.get(target, property) === "function"
        ? Reflect.get(target, property).bind(target)
        : Reflect.get(target, property),
  });
}

Deno.test("a long ID token does not keep the tokens beside it from being stored", async () => {
  await using scene = await setScene();
  scene.endpoint.script = () =>
    tokens({ access_token: "at-1", refresh_token: "rt-1", id_token: `e30.${"x".repeat(70_000)}.` });
  await scene.authority.refresh("demo", "at-0");
  const { accessToken, refreshToken, pendingRefresh } = (await scene.stored())!;
  deepEqual([accessToken, refreshToken, pendingRefresh], ["at-1", "rt-1", undefined]);
});
