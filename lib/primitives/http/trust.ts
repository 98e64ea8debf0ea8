/**
 * Which certificates count beside those that Deno trusts by itself, and which one this program shows: read from files
 * that the entry or the environment names. Deno reads some of the variables itself, but not all of them, and not in
 * every form that it is shipped in; read here, they count on each leg. A file that cannot be used is an error, never a
 * silently smaller set.
 *
 * @see behaviours row 39
 * @module
 */
import { McpAuthError } from "../errors.ts";
import { PEM_MAX_BYTES } from "../limits.ts";
import type { Env } from "../system/env.ts";
import type { ReadNamedFile } from "../system/named_file.ts";
import { safeText } from "../untrusted_text.ts";

/** The variables that name files of certificates, each by the convention of another program. */
export const CA_VARIABLES = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DENO_CERT"] as const;

/** A file of certificates to trust. */
export interface CaFile {
  readonly path: string;
  /** `--ca-file`, or the variable. */
  readonly namedBy: string;
}

/** The files of a certificate to show and its private key; one file may hold both. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate with what leads to its authority, and its private key, in PEM; nothing else is in either. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * The files of certificates that are to be trusted.
 *
 * @param env The environment.
 * @param caFile The one of the entry.
 */
export function caFilesOf(env: Env, caFile: string | undefined): readonly CaFile[] {
  const own = caFile === undefined ? [] : [{ path: caFile, namedBy: "--ca-file" }];
  return [
    ...own,
    ...CA_VARIABLES.flatMap((variable) => {
      const path = env.get(variable);
      return path === undefined ? [] : [{ path, namedBy: variable }];
    }),
  ];
}

/**
 * Reads a file of certificates.
 *
 * @returns Its text, which has at least one certificate in it.
 * @throws {McpAuthError} `CONFIG_MISSING`, `CONFIG_INVALID` or `PERMISSION_DENIED`, naming the flag or variable.
 */
export function readCaFile({ path, namedBy }: CaFile, read: ReadNamedFile): string {
  const text = read(path, { namedBy, contents: "certificates", maxBytes: PEM_MAX_BYTES });
  if (blocksOf(text, "CERTIFICATE") > 0) return text;
  const isTrusted = blocksOf(text, "TRUSTED CERTIFICATE") > 0;
  throw new McpAuthError(
    "CONFIG_INVALID",
    `Cannot use the certificates that ${namedBy} names: ${
      isTrusted ? "those in" : "there is none in PEM in"
    } "${safeText(path)}"${isTrusted ? " are in OpenSSL's own form" : ""}`,
    { hint: `Convert it with: openssl x509 -in <file> ${isTrusted ? "" : "-inform der "}-out ca.pem` },
  );
}

/** How many PEM blocks of a kind there are. */
export function blocksOf(text: string, kind: string): number {
  return text.split(`-----BEGIN ${kind}-----`).length - 1;
}

/**
 * Reads a certificate and its key, as far as that can be told from their text.
 *
 * @throws {McpAuthError} `CONFIG_MISSING`, `CONFIG_INVALID` or `PERMISSION_DENIED`; never with a part of the key in it.
 */
export function readKeyPairFiles({ certFile, keyFile }: CertificateFiles, read: ReadNamedFile): KeyPair {
  const cert = read(certFile, {
    namedBy: "--client-cert",
    contents: "certificate",
    maxBytes: PEM_MAX_BYTES,
  });
  const key = read(keyFile, { namedBy: "--client-key", contents: "private key", maxBytes: PEM_MAX_BYTES });
  if (blocksOf(cert, "CERTIFICATE") === 0) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot use the certificate that --client-cert names: there is none in PEM in "${safeText(certFile)}"`,
      { hint: "Convert it with: openssl x509 -in <file> -inform der -out cert.pem" },
    );
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type:.*ENCRYPTED/m.test(key)) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot use the private key that --client-key names: "${safeText(keyFile)}" is encrypted`,
      {
        hint:
          "Write it out without a passphrase, to a file of mode 0600: openssl pkey -in <file> -out key.pem",
      },
    );
  }
  const [onlyKey] = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----.*?-----END \1-----/s.exec(key) ?? [];
  if (onlyKey === undefined) {
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot use the private key that --client-key names: there is none in PEM in "${safeText(keyFile)}"`,
      { hint: "Name a file that begins with -----BEGIN PRIVATE KEY-----" },
    );
  }
  const certificates = cert.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  return { cert: `${certificates.join("\n")}\n`, key: `${onlyKey}\n` };
}
