/**
 * Looks into a certificate and its private key before Deno does: Deno 2.6 ends the whole process where the two do not
 * belong together. Loads `node:crypto` (20 ms), for entries with a certificate of their own.
 *
 * @module
 */

/** What a certificate says of itself. */
export interface CertificateFacts {
  /** Whether the private key is the certificate's. */
  readonly matches: boolean;
  readonly subject: string;
  /** Milliseconds since the epoch; NaN where it cannot be read. */
  readonly expiresAt: number;
}

/**
 * Reads a certificate and compares its key.
 *
 * @param cert In PEM; the first certificate counts.
 * @param key In PEM, not encrypted.
 * @throws {Error} where either cannot be read.
 */
export async function readKeyPair(cert: string, key: string): Promise<CertificateFacts> {
  const { createPrivateKey, createPublicKey, X509Certificate } = await import("node:crypto");
  const certificate = new X509Certificate(cert);
  const spki = { type: "spki", format: "pem" } as const;
  const own = certificate.publicKey.export(spki);
  // The one of a private key is the public key; the types of Deno 2.6 want it as text.
  const other = createPublicKey(createPrivateKey(key)).export(spki);
  return {
    matches: own === other,
    subject: certificate.subject,
    expiresAt: Date.parse(certificate.validTo.replace(/ \+00:00$/, " GMT")),
  };
}
