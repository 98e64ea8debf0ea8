/**
 * A pair of real servers and the homes of people who use them: each scenario has its own, so that what one provokes
 * does not trouble another. At its end everything that it left is searched for every secret that it issued.
 *
 * @module
 */
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from "../demo/servers/authorization_server.ts";
import { type RunningMcpServer, startMcpServer } from "../demo/servers/mcp_server.ts";
import { type Arena, checkoutPath } from "./arena.ts";
import { Home } from "./home.ts";
import { Ledger } from "./ledger.ts";
import type { Run } from "./process.ts";
import type { Failure, Tally } from "./result.ts";
import { searchFiles, searchProcesses } from "./secret_search.ts";
import type { Secret } from "./secrets.ts";

/** How clients authenticate: public ones, and those with a secret, which is one more to be found out. */
const CLIENTS = [["none", "client_secret_basic"], ["client_secret_basic"], ["client_secret_post"]];

/** The servers of a scenario, and whoever signs in there. */
export class World implements AsyncDisposable {
  readonly arena: Arena;
  readonly tally: Tally;
  readonly as: AuthorizationServer;
  readonly mcp: RunningMcpServer;
  readonly ledger: Ledger;
  /** Those that are in use. */
  readonly homes: Home[] = [];
  /** The paths of all homes that there were. */
  readonly paths = new Set<string>();
  /** Every run of the program that has ended. */
  readonly runs: Run[] = [];
  /** Secrets that the server does not know of: keys and passphrases. */
  readonly secrets: Secret[] = [];
  readonly #life: { seconds: number };

  private constructor(
    arena: Arena,
    tally: Tally,
    servers: Pick<World, "as" | "mcp">,
    life: { seconds: number },
  ) {
    this.arena = arena;
    this.tally = tally;
    this.as = servers.as;
    this.mcp = servers.mcp;
    this.ledger = new Ledger(this.as);
    this.#life = life;
  }

  /** How long the next access tokens live, in seconds. */
  set life(seconds: number) {
    this.#life.seconds = seconds;
  }

  /**
   * Starts the servers. Access tokens are opaque, so that the server itself says whether one is good.
   *
   * @param arena Where.
   * @param tally Where failures go.
   * @param options What the authorization server is to be like, and which of the scenario's worlds this is.
   */
  static async start(
    arena: Arena,
    tally: Tally,
    options: AuthorizationServerOptions & { readonly world?: number } = {},
  ): Promise<World> {
    const random = arena.random.branch(`world ${options.world ?? 0} of ${tally.scenario}`);
    const resources: string[] = [];
    const life = { seconds: 3600 };
    const as = await startAuthorizationServer({
      allowsResource: (resource) => resources.includes(resource),
      accessTokenFormat: "opaque",
      accessTokenLifetime: () => life.seconds,
      tokenEndpointAuthMethods: random.pick(CLIENTS),
      ...options,
    });
    const mcp = await startMcpServer({ authorizationServer: as });
    resources.push(mcp.resource);
    return new World(arena, tally, { as, mcp }, life);
  }

  /** A home with a store of its own. */
  async home(): Promise<Home> {
    const path = await Deno.makeTempDir({ dir: this.arena.root, prefix: "home-" });
    const home = new Home(this, path);
    this.homes.push(home);
    this.paths.add(path);
    return home;
  }

  /** Whether the MCP server takes a token. */
  async accepts(token: string): Promise<boolean> {
    const response = await fetch(this.mcp.url, {
      method: "DELETE",
      headers: { authorization: `Bearer ${token}` },
    });
    await response.body?.cancel();
    return response.status !== 401;
  }

  /**
   * Notes a failure with everything that is needed to run it again.
   *
   * @param kind Whether a credential is gone.
   * @param round The round.
   * @param what What went wrong.
   * @param runs The runs that show it; the first few are printed.
   */
  fail(kind: Failure["kind"], round: number, what: string, runs: readonly Run[] = []): void {
    const { seed, program } = this.arena.settings;
    const shown = runs.slice(0, RUNS_SHOWN).flatMap(({ line, code, stderr, stdout, hung, ms }) => [
      `$ ${line}`,
      `exit ${code ?? "by a signal"}${hung ? " (hung)" : ""} after ${ms.toFixed(0)} ms`,
      ...lines(stderr),
      ...lines(stdout.startsWith('{"error"') ? stdout : ""),
    ]);
    const detail = [
      `seed ${seed}, round ${round}, program ${program}`,
      ...shown,
      "The server's last requests:",
      ...this.ledger.tail(),
    ];
    this.tally.fail({ kind, round, what, detail: detail.join("\n") });
    this.arena.say(`${kind === "loss" ? "LOSS" : "BROKEN"} in round ${round}: ${what}`);
  }

  /** Gives a home up: its audit log is checked, and its files are searched for the secrets that are known by now. */
  async leave(home: Home): Promise<void> {
    await home.quiet(this.arena.signal);
    const audit = await home.run(["audit", "--verify", "--json"]);
    const events: unknown = audit.code === 0 ? JSON.parse(audit.stdout).events : undefined;
    if (typeof events === "number" && events > 0) this.tally.count("audit logs intact");
    else this.fail("broken", 0, "the audit log is not as it was written", [audit]);
    await searchFiles(this, home);
    this.homes.splice(this.homes.indexOf(home), 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const homes = [...this.homes];
    try {
      if (this.arena.signal.aborted) return;
      for (const home of homes) await this.leave(home);
      await searchProcesses(this);
    } finally {
      await this.mcp.close();
      await this.as.close();
      for (const home of homes) {
        home.clear();
        await home.quiet();
      }
    }
  }
}

const RUNS_SHOWN = 4;
const LINES_SHOWN = 12;

function lines(text: string): readonly string[] {
  return text.trimEnd().split("\n").filter((line) => line !== "").slice(-LINES_SHOWN);
}

/** `BROWSER` for who signs in without a person. */
export function scriptedBrowser(): string {
  return `${Deno.execPath()} run -A --no-config ${checkoutPath("scripts/demo/browser/scripted_browser.ts")}`;
}
