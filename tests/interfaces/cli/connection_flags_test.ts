/**
 * Flags that say how an entry connects, as options.
 *
 * @see behaviours rows 39 and 47
 */
import { deepEqual, ok, throws } from "node:assert/strict";
import { connectionOptions } from "../../../lib/interfaces/cli/connection_flags.ts";
import { coded } from "../../primitives/coded_error.ts";

const HERE = Deno.cwd();

Deno.test("no flag is no option", () => deepEqual(connectionOptions({}), {}));

Deno.test("row 39: files are remembered by their absolute paths", () => {
  deepEqual(connectionOptions({ caFile: "ca.pem" }), { caFile: `${HERE}/ca.pem` });
  deepEqual(connectionOptions({ caFile: "./pki/ca.pem" }), { caFile: `${HERE}/pki/ca.pem` });
  deepEqual(connectionOptions({ caFile: "../ca.pem" }), { caFile: `${HERE}/../ca.pem` });
  deepEqual(connectionOptions({ caFile: "/etc/ca.pem" }), { caFile: "/etc/ca.pem" });
  deepEqual(connectionOptions({ caFile: "C:\\\\pki\\\\ca.pem" }), { caFile: "C:\\\\pki\\\\ca.pem" });
  deepEqual(connectionOptions({ clientCert: "/me.pem", clientKey: "me.key" }), {
    clientCertificate: { certFile: "/me.pem", keyFile: `${HERE}/me.key` },
  });
});

Deno.test("a certificate's key may be in the same file; a key alone is none", () => {
  deepEqual(connectionOptions({ clientCert: "/me.pem" }), {
    clientCertificate: { certFile: "/me.pem", keyFile: "/me.pem" },
  });
  throws(
    () => connectionOptions({ clientKey: "/me.key" }),
    coded("USAGE", /--client-key without the certificate/),
  );
});

Deno.test("row 47: headers come from a file and from flags, which win, and files in them have absolute paths", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const headerFile = `${folder}/headers`;
    await Deno.writeTextFile(headerFile, "X-A: file\nX-B: ${B}\n");
    deepEqual(connectionOptions({ headerFile, header: ["X-A: flag", "X-C: a ${file:key} ${file:/abs}"] }), {
      headers: { "X-A": "flag", "X-B": "${B}", "X-C": `a \${file:${HERE}/key} \${file:/abs}` },
    });
    throws(
      () => connectionOptions({ headerFile: `${folder}/none` }),
      coded("CONFIG_MISSING", /--header-file names/),
    );
    await Deno.writeTextFile(headerFile, "X-A: 1\nAuthorization: hunter2");
    throws(() => connectionOptions({ headerFile }), (error) => {
      coded("USAGE")(error);
      ok(!String(error).includes("hunter2"));
      return true;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
