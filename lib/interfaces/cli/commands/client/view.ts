/**
 * What is shown of a client: never its secret, its key, or the token of its registration.
 *
 * @module
 */
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";
import type { KnownClient } from "../../../../services/signin/mod.ts";
import { isoTime, relativeTime } from "../../output/time.ts";

/** A client for scripts. */
export function clientJson({ client, entry, usedBy }: KnownClient): Record<string, unknown> {
  return {
    issuer: client.issuer,
    client_id: client.clientId,
    source: client.source,
    by_hand: client.byHand === true,
    client_name: client.clientName ?? null,
    redirect_uris: client.redirectUris,
    token_endpoint_auth_method: client.tokenEndpointAuthMethod,
    has_secret: client.clientSecret !== undefined,
    secret_expires_at: isoTime(client.clientSecretExpiresAt),
    registered_at: isoTime(client.registeredAt),
    can_be_managed: client.registrationClientUri !== undefined &&
      client.registrationAccessToken !== undefined,
    entry: entry ?? null,
    used_by: usedBy,
  };
}

/**
 * A client for a person, a line for each thing that is known.
 *
 * @param known The client.
 * @param now Milliseconds since the epoch.
 */
export function clientRows(
  { client, entry, usedBy }: KnownClient,
  now: number,
): readonly (readonly [string, string])[] {
  const { clientName, clientSecret, clientSecretExpiresAt } = client;
  return [
    ["Issuer", safeUrl(client.issuer)],
    ["Client", safeText(client.clientId, 200)],
    ["Source", `${client.source}${client.byHand ? " (by hand)" : ""}`],
    ...(clientName === undefined ? [] : [["Name", safeText(clientName, 100)] as const]),
    ["Redirects", client.redirectUris.length === 0 ? "-" : client.redirectUris.map(safeUrl).join(", ")],
    ["Method", client.tokenEndpointAuthMethod],
    ...(clientSecret === undefined ? [] : [
      [
        "Secret",
        clientSecretExpiresAt === undefined
          ? "does not expire"
          : `expires ${relativeTime(clientSecretExpiresAt, now)}`,
      ] as const,
    ]),
    ["For", entry ?? "all entries at the issuer"],
    ["Used by", usedBy.length === 0 ? "-" : usedBy.join(", ")],
  ];
}
