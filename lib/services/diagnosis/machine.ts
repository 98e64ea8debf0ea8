/**
 * What has to be right on this machine before any server is asked: the runtime and its sandbox, the store and its key,
 * the audit log, the way to a browser. Neither a key nor a record is made.
 *
 * @see behaviours rows 14, 42 and 44
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { KEYSTORE_SLOW_MS } from "../../primitives/limits.ts";
import type { AccessState } from "../../primitives/system/machine.ts";
import { pathIn } from "../../primitives/system/paths.ts";
import { safeText } from "../../primitives/untrusted_text.ts";
import { VERSION } from "../../primitives/version.ts";
import { verifyAudit } from "../audit/mod.ts";
import { type Check, check, type CheckHead, failure, type Finding, fine, skipped, warning } from "./check.ts";
import type { MachinePorts } from "./ports.ts";

const head = (id: string, title: string, rule?: string): CheckHead => ({ id, title, group: "machine", rule });

/**
 * Looks at the machine.
 *
 * @param ports What it runs on.
 * @param url The MCP server's URL, where there is one: the sandbox has to let it be reached.
 * @param signal Ends the waits.
 */
export async function examineMachine(
  ports: MachinePorts,
  url: URL | undefined,
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const keystore = check(head("keystore", "Keystore", "row 42"), () => judgeKeystore(ports, signal));
  return await Promise.all([
    check(head("runtime", "Runtime"), () => judgeRuntime(ports)),
    check(head("permissions", "Permissions"), () => judgePermissions(ports, url)),
    keystore.then((key) => check(head("store", "Store", "row 44"), () => judgeStore(ports, key, signal))),
    keystore,
    check(head("audit", "Audit log"), () => judgeAudit(ports)),
    check(head("browser", "Browser", "rows 14 and 47"), () => judgeBrowser(ports)),
  ]);
}

function judgeRuntime({ machine }: MachinePorts): Finding {
  const { deno, os, arch, place, isRestarted, hasKv } = machine.facts();
  const words = `mcp-auth ${VERSION} (${place}), Deno ${deno}, ${os} ${arch}${
    isRestarted ? ", started once more with --unstable-kv" : ""
  }`;
  if (hasKv) return fine(words);
  return failure(
    "STORE_UNAVAILABLE",
    `Cannot open a store: Deno KV is not there; ${words}`,
    "Run it with: deno run --unstable-kv ...",
  );
}

function judgePermissions({ machine, home, openers }: MachinePorts, url: URL | undefined): Finding {
  const wanted: (readonly [string, AccessState, isNeeded: boolean])[] = [];
  const note = (name: string, state: AccessState, isNeeded = false) => wanted.push([name, state, isNeeded]);
  if (home !== undefined) {
    note("read the store", machine.access({ name: "read", target: home }), true);
    note("write the store", machine.access({ name: "write", target: home }), true);
  }
  if (url !== undefined) {
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    const target = `${url.hostname}:${port}`;
    note(`reach ${target}`, machine.access({ name: "net", target }), true);
  }
  note("reach any host", machine.access({ name: "net" }));
  note("read the environment", machine.access({ name: "env" }));
  const [opener] = openers;
  if (opener !== undefined) note(`start ${opener}`, machine.access({ name: "run", target: opener }));
  const all = (state: AccessState) =>
    wanted.filter((each) => each[1] === state).map(([name]) => safeText(name, 200)).join(", ");
  const granted = all("granted");
  const missing = wanted.filter(([, state, isNeeded]) => state !== "granted" && isNeeded);
  if (missing.length > 0) {
    throw new McpAuthError(
      "PERMISSION_DENIED",
      `Cannot do without: ${
        missing.map(([name]) => safeText(name, 200)).join(", ")
      }; the sandbox does not grant it`,
      { hint: "See which flags are needed with: mcp-auth permissions --command doctor" },
    );
  }
  const [denied, partial] = [all("denied"), all("partial")];
  return fine([
    ...(granted === "" ? [] : [`granted: ${granted}`]),
    ...(partial === "" ? [] : [`in part: ${partial}`]),
    ...(denied === "" ? [] : [`not granted: ${denied}`]),
  ].join("; "));
}

async function judgeKeystore({ store, env }: MachinePorts, signal: AbortSignal): Promise<Finding> {
  const started = performance.now();
  const state = await store.keystoreState(signal);
  const ms = performance.now() - started;
  if (state === undefined) return skipped("there is no store yet: the first entry makes it");
  const { kind, place, error, leftIn } = state;
  const where = place === undefined ? "" : `, in ${safeText(place)}`;
  if (error !== undefined) {
    if (kind === "passphrase" && env.get("MCP_AUTH_PASSPHRASE") === undefined) {
      return warning(
        `passphrase${where}: it is not asked for here, so the store is not looked into`,
        "Set MCP_AUTH_PASSPHRASE to have it looked into",
      );
    }
    throw error;
  }
  const words = `${safeText(kind, 40)}${where}, answers in ${Math.round(ms)} ms`;
  if (leftIn.length > 0) {
    return warning(
      `${words}; a change was interrupted and may have left a key in: ${safeText(leftIn.join(", "), 100)}`,
      "The next keystore use or rekey removes it",
    );
  }
  const isSlow = ms > KEYSTORE_SLOW_MS && kind !== "passphrase";
  return isSlow
    ? warning(words, "Every command waits for it: see mcp-auth keystore use --help")
    : fine(words);
}

async function judgeStore(
  { store, storePlace, home, machine }: MachinePorts,
  keystore: Check,
  signal: AbortSignal,
): Promise<Finding> {
  if (keystore.status === "skip") return skipped(`there is none yet at ${safeText(storePlace)}`);
  if (keystore.status === "fail" || /is not looked into/.test(keystore.detail)) {
    return skipped(`because of: ${keystore.title}`);
  }
  const count = (await store.servers(signal)).length;
  const words = `${safeText(storePlace)}, ${count} ${count === 1 ? "entry" : "entries"}`;
  if (home === undefined) return fine(`${words}, ${store.location}`);
  const open = [home, pathIn(home, "store.db")].flatMap((path) => {
    const mode = machine.modeOf(path);
    return mode !== undefined && (mode & 0o077) !== 0 ? [`${safeText(path)} (${mode.toString(8)})`] : [];
  });
  if (open.length === 0) return fine(words);
  return warning(`${words}; others may read ${open.join(" and ")}`, `Run: chmod -R go= '${safeText(home)}'`);
}

async function judgeAudit({ audit }: MachinePorts): Promise<Finding> {
  if (audit === undefined) return skipped("nothing is kept");
  const { intact, events, breaks } = await verifyAudit(audit);
  if (intact) return fine(`${events} ${events === 1 ? "event" : "events"}, as they were written`);
  const [first] = breaks;
  return warning(
    `it is not as it was written: ${safeText(first?.file ?? "")}, line ${first?.line ?? 0}: ${
      safeText(first?.problem ?? "")
    }`,
    "See: mcp-auth audit --verify",
  );
}

/** Where a person sits, in words. */
const PLACES: Readonly<Record<MachinePorts["surroundings"]["place"], string>> = {
  desktop: "in front of this machine",
  wsl: "at Windows, around this WSL",
  ssh: "at the other end of SSH",
  codespaces: "in Codespaces",
  gitpod: "in Gitpod",
  "web-ide": "in an IDE in the browser",
  container: "outside of this container",
  ci: "nowhere: this is CI",
  "no-screen": "elsewhere: there is no screen here",
};

function judgeBrowser({ surroundings, openers, machine, env }: MachinePorts): Finding {
  const { place, opensBrowser } = surroundings;
  const found = openers.find((opener) => machine.findProgram(opener, env) !== undefined);
  const where = `a person is ${PLACES[place]}`;
  if (!opensBrowser) return fine(`none is opened: ${where}; a sign-in prints its URL`);
  if (found !== undefined) return fine(`"${safeText(found, 100)}" opens it; ${where}`);
  return warning(
    `none of ${openers.map((opener) => `"${safeText(opener, 100)}"`).join(", ")} is on PATH; ${where}`,
    "A sign-in prints its URL to open by hand; BROWSER names another program",
  );
}
