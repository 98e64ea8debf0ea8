/**
 * Grants in the forms that Deno takes: flags, and a permission set of `deno.json`. What is never needed is denied in so
 * many words, so that it stays so when somebody adds a flag.
 *
 * @see https://docs.deno.com/runtime/fundamentals/security/
 * @module
 */
import type { Grants } from "./grants.ts";

/** The name of the permission set. */
export const PERMISSION_SET = "mcp-auth";

const LISTS = ["env", "net", "read", "run", "write"] as const;

/**
 * The flags, each one word of a command line, not quoted yet.
 *
 * @param grants What is allowed.
 */
export function flagsOf(grants: Grants): readonly string[] {
  const list = (values: readonly string[]) => values.map((value) => value.replaceAll(",", ",,")).join(",");
  return [
    "--no-prompt",
    ...(grants.kv ? ["--unstable-kv"] : []),
    ...LISTS.filter((name) => grants[name].length > 0).map((name) => `--allow-${name}=${list(grants[name])}`),
    ...LISTS.filter((name) => isDenied(grants, name)).map((name) => `--deny-${name}`),
    ...(isDenied(grants, "run") ? [] : ["--deny-run=deno"]),
    "--deny-ffi",
    "--deny-sys",
  ];
}

/**
 * The permission set, as the value that `deno.json` has for its name.
 *
 * @param grants What is allowed.
 */
export function permissionSetOf(grants: Grants): Readonly<Record<string, unknown>> {
  const lists = LISTS.map((name) => {
    if (isDenied(grants, name)) return [name, { deny: true }] as const;
    return [name, name === "run" ? { allow: grants[name], deny: ["deno"] } : grants[name]] as const;
  });
  return { ...Object.fromEntries(lists), ffi: { deny: true }, sys: { deny: true } };
}

/**
 * The part of a `deno.json` that has the permission set in it.
 *
 * @param grants What is allowed.
 */
export function configurationOf(grants: Grants): Readonly<Record<string, unknown>> {
  return {
    ...(grants.kv ? { unstable: ["kv"] } : {}),
    permissions: { [PERMISSION_SET]: permissionSetOf(grants) },
  };
}

/** Nothing of it is needed, as far as can be told. */
function isDenied(grants: Grants, name: typeof LISTS[number]): boolean {
  return grants[name].length === 0 && !(grants.open as readonly string[]).includes(name);
}
