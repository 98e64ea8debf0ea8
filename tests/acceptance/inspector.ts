/**
 * The protocol's official inspector as a host: its command line makes one request of a server that it starts, and prints
 * the result. The one place that says which release.
 *
 * @module
 */
import { checkoutPath, type Home } from "./program.ts";

/** The release, as a registry's specifier names it. */
const INSPECTOR = "npm:@modelcontextprotocol/inspector@2.12.0";

/** What the inspector printed. */
export interface Inspected {
  readonly code: number;
  // deno-lint-ignore no-explicit-any -- tests look into any shape
  readonly result: any;
  readonly stderr: string;
}

/**
 * Has the inspector make one request through the bridge.
 *
 * @param home Whose bridge.
 * @param place What follows `mcp-auth bridge`.
 * @param words What follows `--method`.
 */
export async function inspect(
  home: Home,
  place: readonly string[],
  ...words: readonly string[]
): Promise<Inspected> {
  const env = home.environment();
  // It gives the server no other variables than these.
  const variables = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  // Words of the command that begin with a hyphen it would take for its own.
  const line = [Deno.execPath(), "run", "-A", checkoutPath("main.ts"), "bridge", ...place];
  const quoted = line.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const target = await home.file("bridge.sh", `#!/bin/sh\nexec ${quoted}\n`);
  await Deno.chmod(target, 0o700);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--no-lock", INSPECTOR, "--cli", ...variables, target]
      .concat(["--method", ...words]),
    clearEnv: true,
    env: { ...env, DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "mozilla,system" },
    cwd: home.path,
    stdin: "null",
  }).output();
  const [text, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, result: resultIn(text ?? ""), stderr: `${said}${text}` };
}

function resultIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
