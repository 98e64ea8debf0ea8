/**
 * Where a sign-in's answer would come to, and as which client it would be made: found out without registering any, by
 * the order that a sign-in goes by.
 *
 * @see MCP 2026-07-28 client registration (C24-C37); behaviours rows 10, 18 and 19
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { coversRedirectUri, NO_DOCUMENT } from "../../primitives/oauth/client_metadata.ts";
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { ClientRecord } from "../credentials/mod.ts";
import { type CallbackPlace, callbackPlace, redirectShape, registeredPorts } from "../signin/mod.ts";
import {
  type Check,
  check,
  type CheckHead,
  checkOf,
  failure,
  type Finding,
  fine,
  skipped,
  warning,
} from "./check.ts";
import type { ServerPorts, Subject } from "./ports.ts";

/** What a sign-in would be made with. */
export interface Seating {
  readonly checks: readonly Check[];
  /** The redirect URI; undefined where none is needed, or none can be had. */
  readonly redirectUri: string | undefined;
  /** The client in words; undefined where there is none. */
  readonly client: string | undefined;
}

const REDIRECT: CheckHead = {
  id: "redirect",
  title: "Redirect URI",
  group: "authorization-server",
  rule: "C48 and C49, RFC 8252 section 7.3",
};
const REGISTRATION: CheckHead = {
  id: "registration",
  title: "Client",
  group: "authorization-server",
  rule: "C25, RFC 7591",
};

/**
 * Works it out.
 *
 * @param ports What it runs on.
 * @param subject The MCP server.
 * @param server Its authorization server; undefined where none can be used.
 * @param signal Ends the waits.
 */
export async function seat(
  ports: ServerPorts,
  subject: Subject,
  server: ServerMetadata | undefined,
  signal: AbortSignal,
): Promise<Seating> {
  const { options } = subject;
  const isForPeople = options.grant === undefined;
  const known = server === undefined
    ? NONE
    : await ports.clients(server.issuer, await redirectShape(options)).catch(() => NONE);
  let redirectUri: string | undefined;
  const redirect = await check(REDIRECT, async () => {
    if (!isForPeople) return skipped("no browser is used: the entry signs in by a grant");
    const place = callbackPlace(options, registeredPorts(urisOf(known), options));
    const { finding, uri } = await tryPlace(ports, place, subject);
    redirectUri = uri;
    return finding;
  });
  if (server === undefined) {
    const client = checkOf(REGISTRATION, skipped("because of: the discovery"));
    return { checks: [client, redirect], redirectUri, client: undefined };
  }
  let client: string | undefined;
  const registration = await check(REGISTRATION, async () => {
    const chosen = await chooseInWords(ports, subject, server, known, redirectUri, signal);
    client = chosen.client;
    return chosen.finding;
  });
  return { checks: [registration, redirect], redirectUri, client };
}

type Known = { readonly own: ClientRecord | undefined; readonly shared: ClientRecord | undefined };
const urisOf = ({ own, shared }: Known) => [own, shared].flatMap((client) => client?.redirectUris ?? []);
const NONE: Known = { own: undefined, shared: undefined };

/** Binds the place for a moment, as a sign-in does: only that tells whether it is free. */
async function tryPlace(
  ports: ServerPorts,
  place: CallbackPlace,
  { options }: Subject,
): Promise<{ readonly finding: Finding; readonly uri: string | undefined }> {
  if (place.listen === undefined) {
    const uri = place.redirectUri(0);
    return {
      uri,
      finding: warning(`${safeUrl(uri)}: nothing listens for it here, so the answer has to be pasted`),
    };
  }
  const handler = () => new Response(null, { status: 404 });
  const [first = 0] = place.listen.ports;
  await using listener = await ports.listen({ ...place.listen, handler });
  const uri = place.redirectUri(listener.port);
  if (first !== 0 && listener.port !== first && options.callbackPorts === undefined) {
    return { uri, finding: fine(`port ${first} is in use: ${safeUrl(uri)}, or any other free port`) };
  }
  return { uri, finding: fine(`${safeUrl(uri)}, the port is free`) };
}

async function chooseInWords(
  ports: ServerPorts,
  subject: Subject,
  server: ServerMetadata,
  { own, shared }: Known,
  redirectUri: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly finding: Finding; readonly client: string | undefined }> {
  const { options } = subject;
  const takesDocuments = server.client_id_metadata_document_supported === true;
  const offered = [
    ...(takesDocuments ? ["client ID metadata documents"] : []),
    ...(server.registration_endpoint === undefined ? [] : ["dynamic registration"]),
  ];
  const offers = `the server offers ${offered.length === 0 ? "no registration" : offered.join(" and ")}`;
  const use = (client: string) => ({ client, finding: fine(`${client}; ${offers}`) });

  if (options.clientId !== undefined) {
    const id = safeText(options.clientId, 100);
    if (own === undefined || own.clientId === options.clientId) {
      return use(`the client "${id}" that was registered by hand`);
    }
    throw new McpAuthError(
      "REGISTRATION_FAILED",
      `Cannot use client "${id}" at "${
        safeUrl(server.issuer)
      }": it was registered at another authorization server`,
      { hint: `Register a client there and run: mcp-auth login ${nameOf(subject)} --client-id <id>` },
    );
  }
  const document = options.clientMetadataUrl === NO_DOCUMENT ? undefined : options.clientMetadataUrl;
  if (document !== undefined && takesDocuments) return use(`the document ${safeUrl(document)}`);
  if (options.grant !== undefined) return ofMachine(own, offers);
  const known = [own, shared].find((client) =>
    client?.source === "dynamic" && redirectUri !== undefined &&
    (client.byHand
      ? coversRedirectUri(client.redirectUris, redirectUri)
      : client.redirectUris.includes(redirectUri)) &&
    (client.byHand || client.clientName === options.clientName) &&
    (client.clientSecretExpiresAt ?? Infinity) > ports.clock.now()
  );
  if (known !== undefined) return use(`the registration "${safeText(known.clientId, 100)}" that is stored`);
  let obstacle: string | undefined;
  if (
    takesDocuments && ports.ownDocument !== undefined && options.clientName === undefined &&
    options.clientMetadataUrl !== NO_DOCUMENT && redirectUri !== undefined &&
    server.token_endpoint_auth_methods_supported?.includes("none") !== false
  ) {
    obstacle = await ports.ownDocument.obstacle(redirectUri, signal);
    if (obstacle === undefined) return use(`this program's document ${safeUrl(ports.ownDocument.url)}`);
  }
  const why = obstacle === undefined ? "" : `; this program's document is not used: ${obstacle}`;
  if (server.registration_endpoint !== undefined) {
    const name = safeText(options.clientName ?? subject.clientName, 100);
    const client = `a new registration as "${name}"`;
    return { client, finding: fine(`${client}; ${offers}${why}`) };
  }
  return {
    client: undefined,
    finding: failure(
      "REGISTRATION_FAILED",
      `Cannot register a client at "${safeUrl(server.issuer)}": ${
        takesDocuments
          ? `it takes client ID metadata documents, and there is none to use${why}`
          : "it registers none by itself"
      }`,
      `Register a client there with redirect URI ${redirectUri ?? "(see above)"}, then run: mcp-auth ${
        subject.server === undefined ? `add ${safeUrl(subject.url)}` : `login ${nameOf(subject)}`
      } --client-id <id>`,
    ),
  };
}

/** The client of a machine is given with each command, or is there. */
function ofMachine(
  own: ClientRecord | undefined,
  offers: string,
): { readonly finding: Finding; readonly client: string | undefined } {
  if (own === undefined) {
    return {
      client: "the client that is given with the command",
      finding: warning(`none is stored: give one with --client-id; ${offers}`),
    };
  }
  const client = `the client "${safeText(own.clientId, 100)}"`;
  return { client, finding: fine(`${client}; ${offers}`) };
}

function nameOf({ server }: Subject): string {
  return server?.name ?? "<name>";
}
