/**
 * Flags that say how an entry connects: the certificates to trust, the certificate to show, and headers from a file.
 * They are remembered with the entry, files by their absolute paths. Proxies are the environment's business and have no
 * flag.
 *
 * @see behaviours rows 39 and 47
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { HEADER_FILE_MAX_BYTES } from "../../primitives/limits.ts";
import { absolutePath, readNamedFile } from "../../primitives/system/named_file.ts";
import { parseHeader, parseHeaderLines } from "../../services/config/mod.ts";
import type { ServerOptions } from "../../services/credentials/mod.ts";
import { listFlag, valueFlag } from "./flags.ts";

/** What says how an entry connects. */
export type ConnectionFlags = {
  readonly header?: readonly string[] | undefined;
  readonly headerFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly clientCert?: string | undefined;
  readonly clientKey?: string | undefined;
};

/** The grammar of {@linkcode ConnectionFlags}. */
export const connectionFlags = {
  header: listFlag(
    "Header for every request to the server; ${VAR} is read from the environment, ${file:/path} from a file",
    "header",
  ),
  headerFile: valueFlag("File with such headers, one on each line", "file"),
  caFile: valueFlag("File of certificates to trust beside the system's, in PEM", "file"),
  clientCert: valueFlag("Certificate to show to the server and its authorization server, in PEM", "file"),
  clientKey: valueFlag("Private key of that certificate, in PEM; the same file when left out", "file"),
} as const;

/**
 * The options that the flags stand for.
 *
 * @param flags The flags.
 * @throws {McpAuthError} `USAGE` for a header that cannot be set or a key without a certificate; `CONFIG_MISSING`,
 *   `CONFIG_INVALID` or `PERMISSION_DENIED` for a file of headers that cannot be read.
 */
export function connectionOptions(flags: ConnectionFlags): ServerOptions {
  const { header, headerFile, caFile, clientCert, clientKey } = flags;
  if (clientKey !== undefined && clientCert === undefined) {
    throw new McpAuthError("USAGE", "Cannot use --client-key without the certificate that it belongs to", {
      hint: "Add --client-cert <file>",
    });
  }
  const headers = [
    ...(headerFile === undefined ? [] : readHeaderFile(headerFile)),
    ...(header ?? []).map(parseHeader),
  ];
  return {
    ...(header === undefined && headerFile === undefined
      ? {}
      : { headers: Object.fromEntries(headers.map(([name, value]) => [name, withAbsolutePaths(value)])) }),
    ...(caFile === undefined ? {} : { caFile: absolutePath(caFile) }),
    ...(clientCert === undefined ? {} : {
      clientCertificate: {
        certFile: absolutePath(clientCert),
        keyFile: absolutePath(clientKey ?? clientCert),
      },
    }),
  };
}

function readHeaderFile(path: string): readonly (readonly [string, string])[] {
  const use = { namedBy: "--header-file", contents: "headers", maxBytes: HEADER_FILE_MAX_BYTES };
  return parseHeaderLines(readNamedFile(path, use));
}

function withAbsolutePaths(value: string): string {
  return value.replace(/\$\{file:([^{}]+)\}/g, (_all, path: string) => `\${file:${absolutePath(path)}}`);
}
