/**
 * The product's version, as `version`, the User-Agent and MCP's `clientInfo` give it. A test holds it equal to
 * `deno.json`, which a published module cannot read cheaply.
 *
 * @module
 */

/** The version of mcp-auth, in semver. */
export const VERSION = "0.1.0";
