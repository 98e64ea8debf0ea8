/**
 * Which program has a port, where that can be found out cheaply: Linux lists its listening sockets and whose they are
 * below `/proc`. It is an ornament of a message, so whatever cannot be read, another user's processes among it, is no
 * answer.
 *
 * @see behaviours row 10
 * @module
 */
import { safeText } from "../untrusted_text.ts";

/** The state of a listening socket in `/proc/net/tcp`. */
const LISTENING = "0A";

/**
 * Names the program that listens on a port of this machine.
 *
 * @param port The port.
 * @returns Such as `python3 (process 4711)`; undefined where it is not known. Never asks for a permission.
 */
export function portHolder(port: number): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    if (Deno.permissions.querySync({ name: "read", path: "/proc" }).state !== "granted") return undefined;
    const sockets = new Set(
      ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => socketsOn(port, textOf(table)))
        .map((inode) => `socket:[${inode}]`),
    );
    if (sockets.size === 0) return undefined;
    for (const { name: pid } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(pid) || !hasOneOf(pid, sockets)) continue;
      return `${safeText(textOf(`/proc/${pid}/comm`).trim(), 40)} (process ${pid})`;
    }
  } catch {
    return undefined;
  }
  return undefined;
}

/** The inodes of the sockets that listen on a port, in a table of the kernel. */
function socketsOn(port: number, table: string): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").slice(1).flatMap((line) => {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
    return state === LISTENING && local.endsWith(suffix) && inode !== undefined ? [inode] : [];
  });
}

function hasOneOf(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      if (sockets.has(Deno.readLinkSync(`/proc/${pid}/fd/${name}`))) return true;
    }
  } catch {
    return false; // Another user's, or gone.
  }
  return false;
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
