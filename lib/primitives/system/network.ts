/**
 * Name resolution, for the address guard. `node:dns` is loaded when a name has to be resolved, never at start; unlike
 * `Deno.resolveDns` it uses the system's resolver and wants no permission for the name server's address.
 *
 * @module
 */

/**
 * Finds all addresses of a host name; rejects when there are none.
 *
 * @param hostname A host name, not a literal address.
 */
export async function lookupAddresses(hostname: string): Promise<readonly string[]> {
  const { lookup } = await import("node:dns/promises");
  const found = await withoutDeprecations(() => lookup(hostname, { all: true }));
  return found.map(({ address }) => address);
}

/** Deno 2.6, and so the compiled program, warns on standard error of what its own `lookup` begins with (DEP0040). */
function withoutDeprecations<T>(begin: () => T): T {
  const { process } = globalThis as { process?: { noDeprecation?: boolean } };
  if (process === undefined) return begin();
  const before = process.noDeprecation ?? false;
  process.noDeprecation = true;
  try {
    return begin();
  } finally {
    process.noDeprecation = before;
  }
}
