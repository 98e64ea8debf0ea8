/**
 * Whether a process has lost its parent before it could begin to watch it. A parent that is killed within the first
 * moments has been replaced by then: by the first process of the machine, or by whatever else adopts. That alone says
 * nothing, since such a process starts programs itself; what it starts has a process group of its own or is in the
 * adopter's, and an orphan is in that of the parent it had. Only what runs without a sandbox may look at that.
 *
 * A restarted program knows its parent by its id, on every system.
 *
 * @see proc_pid_stat(5); behaviours row 38
 * @module
 */

/** Set for a program that was restarted; its value is the parent's process id. */
export const RESTARTED_VARIABLE = "MCP_AUTH_RESTARTED_BY";

/** Whoever works at a shell that is the first process, as in a container, has started the program there. */
const SHELL = /^-?(a|ba|da|k|z)?sh$|^(busybox|fish|nu|pwsh)$/;
/** Programs that adopt what others leave behind, though they are not the first process. */
const ADOPTER = /^(systemd|init|launchd|upstart|runit|s6-svscan|tini|dumb-init|catatonit)$/;

/**
 * Says whether the parent was gone before it could be watched. Where that cannot be told, it was not.
 *
 * @param options.byLaunchd Whether macOS itself may have started this process: it is the parent then, as of all orphans.
 */
export function isOrphan(options: { readonly byLaunchd: boolean }): boolean {
  const parent = Deno.ppid;
  const restartedBy = readVariable();
  if (restartedBy !== undefined) return String(parent) !== restartedBy;
  if (Deno.build.os === "darwin") return parent === 1 && !options.byLaunchd;
  return Deno.build.os === "linux" && parent > 0 && wasAdopted(parent);
}

function readVariable(): string | undefined {
  try {
    return Deno.env.get(RESTARTED_VARIABLE);
  } catch {
    return undefined;
  }
}

function wasAdopted(parent: number): boolean {
  if (Deno.permissions.querySync({ name: "read", path: "/proc" }).state !== "granted") return false;
  const own = readStat("self");
  const adopter = readStat(String(parent));
  if (own === undefined || adopter === undefined) return false;
  if (own.group === Deno.pid || own.session === Deno.pid || own.group === adopter.group) return false;
  return parent === 1 ? !SHELL.test(adopter.name) : ADOPTER.test(adopter.name);
}

/** What Linux says of a process; undefined where it may not be asked, or the process is gone. */
function readStat(
  pid: string,
): { readonly name: string; readonly group: number; readonly session: number } | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name stands in parentheses and may hold some itself.
    const name = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
    const [, , group, session] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { name, group: Number(group), session: Number(session) };
  } catch {
    return undefined;
  }
}
