/**
 * The client of one sign-in: chosen, noted in the audit log, and replaced once where its server turns out not to know
 * it, by whatever way the person signs in.
 *
 * @see behaviours row 9
 * @module
 */
import type { ServerMetadata } from "../../primitives/oauth/server_metadata.ts";
import { type ClientRecord, entryShape } from "../credentials/mod.ts";
import { chooseClient, type ClientChoice, type GivenClient, isReplaceable } from "./client.ts";
import type { SignInPorts, SignInRequest } from "./sign_in.ts";

/** A client, and whether another is at hand where its server does not know it. */
export interface SeatedClient {
  readonly client: ClientRecord;
  /** It is a dynamic registration of an earlier sign-in, or the program's own document. */
  readonly isReused: boolean;
}

/** What the client is for. */
export interface Seat {
  readonly server: ServerMetadata;
  readonly redirectUri: string;
  readonly redirectShape: string;
  /** Whether the tokens are to be bound to a key. */
  readonly dpopBoundTokens?: boolean | undefined;
  /** The registrations that the store has. */
  readonly known: Pick<ClientChoice, "own" | "shared">;
}

/**
 * The ports of one sign-in, in which it finds the clients that it has made or asked for itself, though nothing of them is
 * stored yet: a sign-in that starts over, without a device code or without a resource, neither registers another nor asks
 * a second time.
 *
 * @param ports What the sign-in runs on.
 * @param name The entry's name.
 */
export function withOwnClients(ports: SignInPorts, name: string): SignInPorts {
  const made = new Set<ClientRecord>();
  let answer: GivenClient | undefined;
  return {
    ...ports,
    made,
    clients: async (issuer, redirectShape) => {
      const known = await ports.clients(issuer, redirectShape);
      const latest = (shape: string) =>
        [...made].findLast((client) => client.issuer === issuer && client.redirectShape === shape);
      return { own: latest(entryShape(name)) ?? known.own, shared: latest(redirectShape) ?? known.shared };
    },
    ask: ports.ask && (async (question) => answer ??= await ports.ask?.(question)),
  };
}

/**
 * Chooses the client.
 *
 * @throws {McpAuthError} As `chooseClient` does.
 */
export async function seatClient(
  ports: SignInPorts,
  request: SignInRequest,
  seat: Seat,
): Promise<SeatedClient> {
  return await choose(ports, request, seat, undefined);
}

/**
 * Puts another client in the place of one that its server does not know, and forgets that one.
 *
 * @throws {McpAuthError} As `chooseClient` does; the lost one is kept then.
 */
export async function replaceClient(
  ports: SignInPorts,
  request: SignInRequest,
  seat: Seat,
  lost: ClientRecord,
): Promise<SeatedClient> {
  const issuer = seat.server.issuer;
  const isDocument = lost.source === "client-id-metadata";
  if (isDocument) {
    ports.tell({ kind: "document-unused", url: lost.clientId, why: "the server does not accept it" });
  } else ports.tell({ kind: "client-forgotten", issuer });
  const next = await choose(ports, request, { ...seat, known: { own: undefined, shared: undefined } }, lost);
  if (isDocument) return next;
  await ports.forget(lost);
  note(ports, request, seat, "client_forgotten", lost);
  return next;
}

async function choose(
  ports: SignInPorts,
  request: SignInRequest,
  seat: Seat,
  lost: ClientRecord | undefined,
): Promise<SeatedClient> {
  const { server, redirectUri, redirectShape, dpopBoundTokens, known } = seat;
  const { entry } = request;
  const { ownDocument } = ports;
  const client = await chooseClient({
    ...known,
    http: ports.http,
    clock: ports.clock,
    server,
    entry,
    redirectUri,
    redirectShape,
    dpopBoundTokens,
    given: request.given,
    clientName: request.clientName,
    reRegister: request.reRegister,
    ask: ports.ask,
    ownDocument: lost?.source === "client-id-metadata" ? undefined : ownDocument,
    documentUnusable: (why) =>
      ownDocument === undefined
        ? undefined
        : ports.tell({ kind: "document-unused", url: ownDocument.url, why }),
    setUpPage: ports.setUpPage,
    command: request.command,
    signal: request.signal,
  });
  ports.tell({ kind: "registered", issuer: server.issuer, source: client.source });
  const isMade = ports.made?.has(client) === true;
  const isStored = !isMade && (client === known.own || client === known.shared);
  if (client.source === "dynamic" && !isStored && !isMade) {
    note(ports, request, seat, "client_registered", client);
    ports.made?.add(client);
  }
  return { client, isReused: isReplaceable(client, isStored, entry.options) };
}

function note(
  ports: SignInPorts,
  { entry }: SignInRequest,
  { server }: Seat,
  event: "client_registered" | "client_forgotten",
  { clientId }: ClientRecord,
): void {
  ports.audit.record({
    event,
    name: entry.name,
    issuer: server.issuer,
    outcome: "done",
    secrets: { client_id: clientId },
  });
}
