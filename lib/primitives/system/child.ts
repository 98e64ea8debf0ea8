/**
 * A command that runs in this program's place: it has our standard streams and gets our signals, and we wait for it and
 * end as it does. No shell is involved.
 *
 * A secret reaches it in a variable or by a descriptor. The descriptor is one end of a socket, since that is what the
 * runtime can hand to a child beyond the standard streams; the secret is read from it once, stands in no file and in no
 * environment, and is gone with the child where nobody reads it.
 *
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { safeText } from "../untrusted_text.ts";
import { permissionDenied } from "./permissions.ts";
import { childEnvironment, watchParent } from "./process.ts";
import { type Kill, SignalForwarder } from "./signal_forwarder.ts";

/** What the command gets beside our streams and our environment without our secrets. */
export interface ChildOptions {
  /** Variables; they go before those of our environment. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** A text to be read from a descriptor, from 3 on. Not on Windows. */
  readonly descriptor?: { readonly number: number; readonly text: string } | undefined;
  /** Ask it to end when our own parent is gone: nobody waits for it then. */
  readonly watchParent?: boolean | undefined;
}

/** A command that runs. */
export interface Child {
  /** Its exit code when it has ended; 128 and the number of the signal where one has killed it. */
  readonly exitCode: Promise<number>;
}

interface Started extends Child {
  readonly kill: Kill;
}

/**
 * Starts a command. From here until it has ended, signals to this process are for the command, which may as well go on.
 *
 * @param command The program, found on PATH, and its arguments.
 * @param options What it gets.
 * @throws {McpAuthError} `NOT_FOUND` for no such program, `PERMISSION_DENIED` for one that may not be run, `USAGE` for a
 * descriptor on Windows.
 */
export async function startChild(
  [program, ...args]: readonly [string, ...string[]],
  { variables = {}, descriptor, watchParent: isWatching }: ChildOptions = {},
): Promise<Child> {
  try {
    const { env } = childEnvironment();
    const environment = { ...env, ...variables };
    const started = descriptor === undefined
      ? startPlain(program, args, environment)
      : await startWithDescriptor(program, args, environment, descriptor);
    return { exitCode: ended(started, isWatching === true) };
  } catch (error) {
    throw cannotStart(error, program);
  }
}

async function ended(child: Started, isWatching: boolean): Promise<number> {
  using signals = new SignalForwarder(child.kill);
  const gone = Promise.withResolvers<number>();
  const watch = isWatching
    ? watchParent(() => {
      signals.send("SIGTERM");
      gone.resolve(SIGTERM_CODE);
    })
    : undefined;
  try {
    return await Promise.race([child.exitCode, gone.promise]);
  } finally {
    clearInterval(watch);
  }
}

const SIGTERM_CODE = 143;

function startPlain(program: string, args: readonly string[], env: Record<string, string>): Started {
  const child = new Deno.Command(program, {
    args: [...args],
    clearEnv: true,
    env,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return { kill: (signal) => child.kill(signal), exitCode: child.status.then(({ code }) => code) };
}

/** Only Node's interface has descriptors beyond the standard streams; loading it costs as much as the whole rest. */
async function startWithDescriptor(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
  { number, text }: NonNullable<ChildOptions["descriptor"]>,
): Promise<Started> {
  if (Deno.build.os === "windows") {
    throw new McpAuthError("USAGE", "Cannot give the token by a descriptor: Windows has none for this", {
      hint: "Give it in a variable, with --env",
    });
  }
  const { spawn } = await import("node:child_process");
  const { constants } = await import("node:os");
  const unused = Array.from({ length: number - 3 }, () => "ignore" as const);
  const child = spawn(apartFromUs(program), args, {
    env,
    stdio: ["inherit", "inherit", "inherit", ...unused, "pipe"],
  });
  let hasEnded = false;
  const exitCode = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      hasEnded = true;
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  // A child that ends without reading resets the connection.
  const stream = child.stdio[number] as import("node:stream").Duplex | undefined;
  stream?.on("error", () => {});
  stream?.end(text);
  const { pid } = child;
  // Without a process there is an error, which comes later.
  if (pid === undefined) await exitCode;
  return {
    kill: (signal) => {
      if (hasEnded || pid === undefined) return;
      try {
        Deno.kill(pid, signal);
      } catch {
        // With the permission for single programs; it then takes the signal for the child's end, even where it goes on.
        child.kill(signal);
      }
    },
    exitCode: exitCode.finally(() => stream?.destroy()),
  };
}

/** Node's interface rewrites the arguments of what it takes for its own program; another spelling is not taken for it. */
function apartFromUs(program: string): string {
  return program === Deno.execPath() ? program.replace(/\/([^/]+)$/, "/./$1") : program;
}

/**
 * The coded error for a program that could not be started.
 *
 * @param thrown What Deno or Node threw.
 * @param program Its name.
 */
export function cannotStart(thrown: unknown, program: string): McpAuthError {
  if (thrown instanceof McpAuthError) return thrown;
  const name = safeText(program, 200);
  const denied = permissionDenied(thrown, `run "${name}"`);
  if (denied !== undefined) return denied;
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  if (code === "ENOENT" || thrown instanceof Deno.errors.NotFound) {
    return new McpAuthError("NOT_FOUND", `Cannot run "${name}": there is no such program`, {
      hint: "Check its name and PATH",
      cause: thrown,
    });
  }
  if (code === "EACCES" || thrown instanceof Deno.errors.PermissionDenied) {
    return new McpAuthError("PERMISSION_DENIED", `Cannot run "${name}": it may not be executed`, {
      hint: "Check the file's mode",
      cause: thrown,
    });
  }
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new McpAuthError("PERMISSION_DENIED", `Cannot run "${name}": ${safeText(detail)}`, {
    cause: thrown,
  });
}
