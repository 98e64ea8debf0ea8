/**
 * What happens to an entry as a whole: it moves or goes with its tokens and with the client registrations that are its
 * own, all in one commit. A record is sealed for its key, so a move seals it anew.
 *
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { STORE_CHANGE_TRIES_MAX } from "../../primitives/limits.ts";
import type { KvKey } from "../../primitives/system/kv.ts";
import {
  attemptKey,
  clientKey,
  CLIENTS,
  credentialKey,
  CREDENTIALS,
  entryShape,
  eraKey,
  serverKey,
  SERVERS,
} from "./keys.ts";
import type { ClientRecord } from "./records.ts";
import type { SealedKv } from "./sealed_kv.ts";

/**
 * Gives an entry another name.
 *
 * @param records Where the entry is.
 * @param from Its name.
 * @param to Its new name.
 * @param signal Ends the wait for a busy store.
 * @throws {McpAuthError} `NOT_FOUND` when there is no such entry; `CONFIG_INVALID` when the new name is taken.
 */
export async function renameEntry(
  records: SealedKv,
  from: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  for (let tries = 0; tries < STORE_CHANGE_TRIES_MAX; tries++) {
    const own = await ownClientKeys(records, from, signal);
    const moves = [
      { from: serverKey(from), to: serverKey(to) },
      { from: credentialKey(from), to: credentialKey(to) },
      { from: attemptKey(from), to: attemptKey(to) },
      ...own.map((key) => ({ from: key, to: [...key.slice(0, -1), entryShape(to)] })),
    ];
    const found = (await Promise.all(moves.map((move) => records.read([move.from], signal)))).flat();
    if (found[0] === undefined) {
      throw new McpAuthError("NOT_FOUND", `Cannot rename "${from}": there is no such entry`, {
        hint: "See all entries with: mcp-auth list",
      });
    }
    const taken = await records.read([serverKey(to), credentialKey(to)], signal);
    if (taken.some((record) => record !== undefined)) {
      throw new McpAuthError("CONFIG_INVALID", `Cannot rename "${from}" to "${to}": "${to}" exists`, {
        hint: `Take another name, or remove that entry first: mcp-auth remove ${to}`,
      });
    }
    const version = await records.commit({
      checks: [
        ...moves.map((move, index) => ({ key: move.from, version: found[index]?.version ?? null })),
        { key: serverKey(to), version: null },
        { key: credentialKey(to), version: null },
      ],
      sets: moves.flatMap(({ to: key }, index) => {
        const record = found[index]?.record;
        return record === undefined ? [] : [{ key, record: renamed(record, from, to) }];
      }),
      // What is remembered of the server's protocol is found out again.
      deletes: [...moves.map((move) => move.from), eraKey(from), eraKey(to)],
    }, signal);
    if (version !== undefined) return;
  }
  throw new McpAuthError("STORE_UNAVAILABLE", `Cannot rename "${from}": other processes keep changing it`);
}

/**
 * Removes an entry, also where its records are damaged.
 *
 * @param records Where the entry is.
 * @param name Its name.
 * @param signal Ends the wait for a busy store.
 * @returns Whether there was such an entry.
 */
export async function removeEntry(records: SealedKv, name: string, signal?: AbortSignal): Promise<boolean> {
  const at = [serverKey(name), credentialKey(name), attemptKey(name), eraKey(name)];
  const stored = [
    ...await records.keys(SERVERS, signal),
    ...await records.keys(CREDENTIALS, signal),
  ];
  if (!stored.some((key) => key.at(-1) === name)) return false;
  await records.commit({ deletes: [...at, ...await ownClientKeys(records, name, signal)] }, signal);
  return true;
}

/**
 * Forgets a dynamic registration that its server has lost, unless another has taken its place by now; one that a person
 * made by hand stays.
 *
 * @param records Where the registration is.
 * @param client The registration.
 * @param signal Ends the wait for a busy store.
 * @returns Whether it was there.
 */
export async function forgetClient(
  records: SealedKv,
  client: ClientRecord,
  signal?: AbortSignal,
): Promise<boolean> {
  const key = await clientKey(client.issuer, client.redirectShape);
  const [found] = await records.read([key], signal);
  const stored = found?.record as ClientRecord | undefined;
  if (found === undefined || stored?.source !== "dynamic" || stored.clientId !== client.clientId) {
    return false;
  }
  return await records.commit({ checks: [{ key, version: found.version }], deletes: [key] }, signal) !==
    undefined;
}

/**
 * The keys of the client registrations that are an entry's own: their redirect shape names it.
 *
 * @param records Where they are.
 * @param name The entry's name.
 * @param signal Ends the wait for a busy store.
 */
export async function ownClientKeys(
  records: SealedKv,
  name: string,
  signal?: AbortSignal,
): Promise<readonly KvKey[]> {
  const shape = entryShape(name);
  return (await records.keys(CLIENTS, signal)).filter((key) => key.at(-1) === shape);
}

/** The record under the new name of its entry: an entry, its tokens, or one of its own client registrations. */
function renamed(record: unknown, from: string, to: string): unknown {
  const moved = { ...record as { name?: string; redirectShape?: string; client?: ClientRecord } };
  if (moved.name === from) moved.name = to;
  if (moved.redirectShape === entryShape(from)) moved.redirectShape = entryShape(to);
  if (moved.client !== undefined) moved.client = renamed(moved.client, from, to) as ClientRecord;
  return moved;
}
