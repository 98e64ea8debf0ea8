/** How far a discovery may go, from the command line (C68). */
import { deepEqual, throws } from "node:assert/strict";
import { discoveryOptions } from "../../../lib/interfaces/cli/discovery_flags.ts";
import { coded } from "../../primitives/coded_error.ts";

Deno.test("an origin is kept as origins are compared, whatever the form it is written in", () => {
  deepEqual(discoveryOptions({}), {});
  deepEqual(
    discoveryOptions({
      allowMetadataOrigin: [
        "https://Meta.example.com",
        "https://meta.example.com:443/",
        "http://localhost:3000",
      ],
    }),
    {
      allowMetadataOrigins: [
        "https://meta.example.com",
        "https://meta.example.com",
        "http://localhost:3000",
      ],
    },
  );
});

Deno.test("what is no origin, or none to fetch from, is refused", () => {
  for (const given of ["", "meta.example.com", "https://a.example/path", "https://a.example/?x", "null"]) {
    throws(() => discoveryOptions({ allowMetadataOrigin: [given] }), coded("USAGE"), given);
  }
  for (const given of ["http://a.example", "https://user:hunter2@a.example", "file:///etc"]) {
    throws(() => discoveryOptions({ allowMetadataOrigin: [given] }), coded("UNSAFE_URL"), given);
  }
});
