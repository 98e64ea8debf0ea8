/**
 * An account of what is trusted and shown, for a person who looks for what is wrong: each file with what is in it, or why
 * it cannot be used.
 *
 * @module
 */
import { asMcpAuthError, type McpAuthError } from "../errors.ts";
import type { Env } from "../system/env.ts";
import { readNamedFile } from "../system/named_file.ts";
import { safeText } from "../untrusted_text.ts";
import type { EntryTrust } from "./connections.ts";
import { blocksOf, caFilesOf, readCaFile, readKeyPairFiles } from "./trust.ts";

/** A file of certificates to trust. */
export interface CaFileReport {
  readonly path: string;
  /** `--ca-file`, or the variable. */
  readonly namedBy: string;
  /** How many certificates it has; 0 where it cannot be used. */
  readonly certificates: number;
  readonly error: McpAuthError | undefined;
}

/** The certificate of an entry. */
export interface CertificateReport {
  readonly certFile: string;
  readonly keyFile: string;
  /** Whether the host is shown it, where it asks. */
  readonly isShown: boolean;
  /** Its subject, as it says itself. */
  readonly subject: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  readonly error: McpAuthError | undefined;
}

/**
 * Reads the files again, and says what is in them; never throws for one that cannot be used.
 *
 * @param env Where files of certificates are named.
 * @param trust What the entry wants.
 * @param url Where a request would go.
 */
export async function reportTrust(
  env: Env,
  trust: EntryTrust,
  url: URL,
): Promise<{ caFiles: readonly CaFileReport[]; clientCertificate: CertificateReport | undefined }> {
  return {
    caFiles: caFilesOf(env, trust.caFile).map((file) => {
      try {
        const certificates = blocksOf(readCaFile(file, readNamedFile), "CERTIFICATE");
        return { ...file, certificates, error: undefined };
      } catch (error) {
        return { ...file, certificates: 0, error: asMcpAuthError(error, "CONFIG_INVALID", "read it") };
      }
    }),
    clientCertificate: await reportCertificate(trust, url),
  };
}

async function reportCertificate(
  { clientCertificate: files, showsCertificateTo }: EntryTrust,
  url: URL,
): Promise<CertificateReport | undefined> {
  if (files === undefined) return undefined;
  const isShown = await showsCertificateTo?.(url) ?? false;
  const unread = { ...files, isShown, subject: undefined, expiresAt: undefined };
  try {
    const { cert, key } = readKeyPairFiles(files, readNamedFile);
    const { readKeyPair } = await import("../system/key_pair.ts");
    const { subject, expiresAt } = await readKeyPair(cert, key);
    return {
      ...files,
      isShown,
      subject: safeText(subject),
      expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt,
      error: undefined,
    };
  } catch (error) {
    return { ...unread, error: asMcpAuthError(error, "CONFIG_INVALID", "read the certificate") };
  }
}
