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
  const found = await lookup(hostname, { all: true });
  return found.map(({ address }) => address);
}
