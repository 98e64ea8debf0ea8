/**
 * Programs that do what the product must not: each is the product with one thing of its surroundings bent, so that no
 * mutant depends on how the product is written inside.
 *
 * @module
 */
import { checkoutPath } from "../../../scripts/torture/arena.ts";

/** What each mutant does before it runs the product. */
export const MUTATIONS = {
  "takes no lock": `
    Deno.FsFile.prototype.tryLock = () => Promise.resolve(true);`,

  "ends a credential on doubt": `
    answerTokenRequests(async (send) => {
      const answer = await send().catch(() => new Response(null, { status: 500 }));
      return answer.ok ? answer : Response.json({ error: "invalid_grant" }, { status: 400 });
    });`,

  "storms a server that fails": `
    answerTokenRequests(async (send) => {
      let answer = await send();
      for (let tries = 0; tries < 6 && answer.status >= 500; tries++) {
        await answer.body.cancel();
        answer = await send();
      }
      return answer;
    });`,

  "does not note that it begins a refresh": `
    const { stringify } = JSON;
    JSON.stringify = (value, ...rest) =>
      stringify(value?.pendingRefresh === undefined ? value : { ...value, pendingRefresh: undefined }, ...rest);`,

  "sends a refresh token whose answer it did not store": `
    let answered = false;
    answerTokenRequests(async (send) => {
      const answer = await send();
      answered ||= answer.ok && Deno.args[0] === "token";
      return answer;
    });
    const { commit } = Deno.AtomicOperation.prototype;
    Deno.AtomicOperation.prototype.commit = function () {
      return answered ? Promise.resolve({ ok: true, versionstamp: "00000000000000010000" }) : commit.call(this);
    };`,

  "clears a store away that it cannot open": `
    const { openKv } = Deno;
    Object.defineProperty(Deno, "openKv", {
      value: async (path) => {
        try {
          return await openKv(path);
        } catch (error) {
          await Deno.remove(path);
          throw error;
        }
      },
    });`,

  "loses writes under load": `
    const { commit } = Deno.AtomicOperation.prototype;
    Deno.AtomicOperation.prototype.commit = function () {
      return Math.random() < 0.5 && Deno.args[0] === "rename"
        ? Promise.resolve({ ok: true, versionstamp: "00000000000000010000" })
        : commit.call(this);
    };`,

  "prints what the server says": `
    answerTokenRequests(async (send) => {
      const text = await (await send()).text();
      Deno.stderr.writeSync(new TextEncoder().encode("debug: " + btoa(text) + "\\n"));
      return new Response(text, { headers: { "content-type": "application/json" } });
    });`,

  "says no code": `
    const bend = (stream) => {
      const write = stream.writeSync.bind(stream);
      stream.writeSync = (bytes) => {
        write(new TextEncoder().encode(new TextDecoder().decode(bytes).replace(/[A-Z]+_[A-Z_]+/g, "")));
        return bytes.length;
      };
    };
    bend(Deno.stderr);
    bend(Deno.stdout);`,
} as const;

/** The name of a mutant: what it does. */
export type Mutation = keyof typeof MUTATIONS;

const PRELUDE = `
  function answerTokenRequests(answer) {
    const { fetch } = globalThis;
    globalThis.fetch = (url, init) =>
      String(url).endsWith("/token") && init?.method === "POST"
        ? answer(() => fetch(url, init))
        : fetch(url, init);
  }`;

/**
 * Writes a mutant down as a program.
 *
 * @param folder Where.
 * @param mutation What it does.
 * @returns Its path.
 */
export async function writeMutant(folder: string, mutation: Mutation): Promise<string> {
  const path = `${folder}/mutant.js`;
  const imported = (file: string) => JSON.stringify(new URL(`file://${checkoutPath(file)}`).href);
  await Deno.writeTextFile(
    path,
    `${PRELUDE}
    ${MUTATIONS[mutation]}
    const { run } = await import(${imported("lib/interfaces/cli/run.ts")});
    const { systemWorld } = await import(${imported("lib/interfaces/cli/system_world.ts")});
    Deno.exit(await run(Deno.args, systemWorld()));`,
  );
  return path;
}
