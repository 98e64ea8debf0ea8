/**
 * What machines' entries cost and do at the edges: nothing of them is loaded to hand out a token, and no step-up of theirs
 * becomes a sign-in that waits for a person.
 *
 * @module
 */
import { rejects } from "node:assert/strict";
import { stepUpByGrant } from "../../../lib/interfaces/composition/machine_entries.ts";
import type { ServerOptions } from "../../../lib/services/credentials/mod.ts";
import { openStore } from "../../../lib/services/credentials/mod.ts";
import { fakeEnv } from "../../fakes/env.ts";
import { coded } from "../../primitives/coded_error.ts";

Deno.test("a step-up by a grant that the entry has no longer, or for another URL by now, signs nobody in", async () => {
  const store = openStore({ env: fakeEnv(), keystore: "memory" });
  try {
    const services = { store, signIn: () => Promise.reject(new Error("a sign-in was begun")) };
    const url = "https://mcp.example/mcp";
    const put = async (url: string, options: ServerOptions) => {
      const expected = (await store.server("demo"))?.version ?? null;
      await store.putServer({ name: "demo", url, createdAt: 1, signIn: "oauth", options }, expected);
    };
    const need = { challenge: {} };
    await put(url, {});
    await rejects(stepUpByGrant(services, { name: "demo", url }, need), coded("AUTH_REQUIRED", /a person/));
    await put("https://other.example/mcp", { grant: { kind: "client-credentials" } });
    await rejects(
      stepUpByGrant(services, { name: "demo", url }, need),
      coded("CONFIG_INVALID", /another URL/),
    );
  } finally {
    store.close();
  }
});
