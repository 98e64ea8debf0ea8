/**
 * @see draft-ietf-oauth-client-id-metadata-document-02 section 3 (C28, C29)
 * @module
 */
import { equal, throws } from "node:assert/strict";
import { checkClientMetadataUrl } from "../../../lib/primitives/oauth/client_metadata.ts";
import { coded } from "../coded_error.ts";

for (
  const url of [
    "https://example.com/client.json",
    "https://conformance-test.local/client-metadata.json",
    "https://example.com:8443/client",
    "https://example.com:443/client",
    "https://EXAMPLE.com/client",
    "https://example.com/client?version=2",
    "https://example.com/a/..b/.c/d..",
    "https://example.com/client?next=/../x",
    "https://example.com/a%20b",
  ]
) {
  Deno.test(`${url} can be a client id, byte for byte`, () => equal(checkClientMetadataUrl(url), url));
}

const refused: readonly (readonly [string, RegExp])[] = [
  ["http://example.com/client.json", /it is not https/],
  ["http://localhost/client.json", /it is not https/],
  ["ftp://example.com/client.json", /it is not https/],
  ["javascript:alert(1)", /it is not https/],
  ["https://example.com", /it has no path/],
  ["https://example.com/", /it has no path/],
  ["https://example.com/?a=b", /it has no path/],
  ["https://example.com/client#x", /it has a fragment/],
  ["https://example.com/client#", /it has a fragment/],
  ["https://user@example.com/client", /user name or password/],
  ["https://:hunter2@example.com/client", /user name or password/],
  ["https://example.com/a/../client", /dot segments/],
  ["https://example.com/./client", /dot segments/],
  ["https://example.com/client/..", /dot segments/],
  ["https://example.com/client/.", /dot segments/],
  ["HTTPS://example.com/../client", /dot segments/],
  ["https://example.com/%2e%2E/client", /dot segments/],
  ["https://example.com/.%2e/client", /dot segments/],
  [" https://example.com/client", /characters that no URL has/],
  ["https://example.com/cli\nent", /characters that no URL has/],
  ["https:\\\\example.com\\client", /characters that no URL has/],
  ["https://example.com/clíent", /characters that no URL has/],
  ["/client.json", /not an absolute URL/],
  ["client", /not an absolute URL/],
  ["", /not an absolute URL/],
];

for (const [url, why] of refused) {
  Deno.test(`${JSON.stringify(url)} cannot be a client id`, () => {
    throws(() => checkClientMetadataUrl(url), coded("CONFIG_INVALID", why));
  });
}
