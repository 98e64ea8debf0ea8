/**
 * The servers of the matrix: what is behind the bridge.
 *
 * @module
 */
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from "../../scripts/demo/servers/authorization_server.ts";
import {
  everythingCommand,
  type EverythingTransport,
  fetchEverything,
  startEverything,
} from "../../scripts/demo/servers/everything.ts";
import type { Sdk2Manner } from "../../scripts/demo/servers/sdk2_endpoint.ts";
import { type Answer, answerOf, startGuardedServer } from "./guarded_server.ts";
import type { FeatureServer } from "./matrix_features.ts";
import { makeSdk1Server, type Sdk1Manner } from "./matrix_sdk1.ts";
import { makeSdk2Server } from "./matrix_sdk2.ts";

/** What only some servers can do, and only for some hosts. */
export type Ability = "ask" | "notices" | "changes" | "cancel";

/** A server of the matrix. */
export interface MatrixServer {
  readonly name: string;
  /** Whether there is a way to put OAuth in front of it. */
  readonly guarded: boolean;
  /** What it offers: the tools of the reference server, or ours. */
  readonly kind: "everything" | "features";
  /** What it can do for a host that it speaks to in sessions, or without. */
  readonly can: (era: "stateful" | "stateless") => ReadonlySet<Ability>;
  /** Starts it. */
  start(isGuarded: boolean): Promise<RunningMatrixServer>;
}

/** One that runs. */
export interface RunningMatrixServer extends AsyncDisposable {
  /** What follows `mcp-auth bridge` for it: a URL, or a command. */
  readonly place: readonly string[];
  /** Ours, to look into. */
  readonly features: FeatureServer | undefined;
}

const ALL: ReadonlySet<Ability> = new Set(["ask", "notices", "changes", "cancel"]);

/** The servers. */
export const SERVERS: readonly MatrixServer[] = [
  everything("streamableHttp"),
  everything("sse"),
  everything("stdio"),
  sdk1("sessions", ALL),
  // What a request is answered with is all that comes back from these two.
  sdk1("sessionless", new Set(["notices"])),
  sdk1("json", new Set(["cancel"])),
  sdk2("stateless"),
  sdk2("both"),
  sdk2("sessions"),
];

function everything(transport: EverythingTransport): MatrixServer {
  return {
    name: `the everything server on ${transport}`,
    guarded: transport !== "stdio",
    kind: "everything",
    can: () => ALL,
    start: async (isGuarded) => {
      if (transport === "stdio") {
        await fetchEverything();
        return running(["--", ...everythingCommand("stdio")]);
      }
      const server = await startEverything(transport);
      const end = async () => await server[Symbol.asyncDispose]();
      if (!isGuarded) return running([server.url], undefined, end);
      const { origin, pathname } = new URL(server.url);
      const front = await startFront(pathname, answerOf(origin), true);
      return running([front.url], undefined, front.close, end);
    },
  };
}

function sdk1(manner: Sdk1Manner, can: ReadonlySet<Ability>): MatrixServer {
  return {
    name: `the SDK's first line, ${manner}`,
    guarded: true,
    kind: "features",
    can: () => can,
    start: (isGuarded) => startFeatures(makeSdk1Server(manner), isGuarded),
  };
}

function sdk2(manner: Sdk2Manner): MatrixServer {
  return {
    name: `the SDK's second line, ${manner}`,
    guarded: true,
    kind: "features",
    // Beside the stateless revision it keeps no sessions.
    can: (era) => era === "stateful" && manner === "both" ? new Set(["notices"]) : ALL,
    start: (isGuarded) => startFeatures(makeSdk2Server(manner), isGuarded),
  };
}

async function startFeatures(features: FeatureServer, isGuarded: boolean): Promise<RunningMatrixServer> {
  const answer: Answer = (request, message) => features.answer(request, message);
  const front = await startFront("/mcp", answer, isGuarded);
  return running([front.url], features, front.close, () => features.close());
}

/** The endpoint, and the authorization server where there has to be one. */
async function startFront(
  path: string,
  answer: Answer,
  isGuarded: boolean,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const resources: string[] = [];
  const as: AuthorizationServer | undefined = isGuarded
    ? await startAuthorizationServer({ allowsResource: (resource) => resources.includes(resource) })
    : undefined;
  const front = await startGuardedServer(path, answer, as);
  resources.push(front.url);
  const close = async () => {
    await front.close();
    await as?.close();
  };
  return { url: front.url, close };
}

function running(
  place: readonly string[],
  features?: FeatureServer,
  ...close: readonly (() => Promise<void>)[]
): RunningMatrixServer {
  const dispose = async () => {
    for (const each of close) await each();
  };
  return { place, features, [Symbol.asyncDispose]: dispose };
}
