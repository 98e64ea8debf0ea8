/**
 * The world of one scenario: a new home folder, the program, a browser that needs no hand, and what the operator of the
 * server would have told a user, which the suite says in `MCP_CONFORMANCE_*` variables and the user in flags, files and
 * environment variables. A scenario is a new world: nothing of another one is in it.
 *
 * @module
 */
import { join } from "node:path";

const MAIN = "main.ts";
const BROWSER = "scripts/demo/browser/scripted_browser.ts";
/** The client ID metadata document that the suite knows; it is never fetched. */
const CLIENT_METADATA_URL = "https://conformance-test.local/client-metadata.json";

/** How the program is started. */
export interface World extends AsyncDisposable {
  /** The revision that the suite's server speaks. */
  readonly revision: string;
  /** The program and the first of its arguments. */
  readonly program: readonly string[];
  /** What the user was told, as flags of a sign-in. */
  readonly flags: readonly string[];
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
}

/** What is added to the plain command line for one scenario. */
interface Told {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Makes the world that the suite has described in this process's environment. */
export async function makeWorld(): Promise<World> {
  const home = await Deno.makeTempDir({ prefix: "mcp-auth-conformance-" });
  const context = JSON.parse(Deno.env.get("MCP_CONFORMANCE_CONTEXT") ?? "{}");
  const { flags = [], env = {} } = await whatTheUserIsTold(
    Deno.env.get("MCP_CONFORMANCE_SCENARIO") ?? "",
    (name) => String(context[name]),
    async (name, text) => {
      await Deno.writeTextFile(join(home, name), text, { mode: 0o600 });
      return join(home, name);
    },
  );
  const own = Object.entries(Deno.env.toObject()).filter(([name]) => !/^MCP_(AUTH|CONFORMANCE)_/.test(name));
  return {
    revision: Deno.env.get("MCP_CONFORMANCE_PROTOCOL_VERSION") ?? "2025-11-25",
    program: [Deno.execPath(), "run", "-A", "--quiet", MAIN],
    flags,
    env: {
      ...Object.fromEntries(own),
      MCP_AUTH_HOME: home,
      BROWSER: `${Deno.execPath()} run -A --quiet --no-config ${BROWSER}`,
      ...env,
    },
    [Symbol.asyncDispose]: () => Deno.remove(home, { recursive: true }),
  };
}

/**
 * What the operator of the server would have told its users.
 *
 * @param scenario As the suite calls it.
 * @param value A member of the suite's description.
 * @param file Writes a file that the user was given, and returns its path.
 */
async function whatTheUserIsTold(
  scenario: string,
  value: (name: string) => string,
  file: (name: string, text: string) => Promise<string>,
): Promise<Told> {
  switch (scenario) {
    case "auth/basic-cimd":
      return { flags: ["--client-metadata-url", CLIENT_METADATA_URL] };
    case "auth/pre-registration":
      return {
        flags: ["--client-id", value("client_id")],
        env: { MCP_AUTH_CLIENT_SECRET: value("client_secret") },
      };
    case "auth/client-credentials-basic":
      return {
        flags: ["--client-credentials", "--client-id", value("client_id")],
        env: { MCP_AUTH_CLIENT_SECRET: value("client_secret") },
      };
    case "auth/client-credentials-jwt": {
      const key = await file("client.pem", value("private_key_pem"));
      return { flags: ["--client-credentials", "--client-id", value("client_id"), "--private-key", key] };
    }
    case "auth/enterprise-managed-authorization":
      return {
        flags: [
          ...["--enterprise", value("idp_token_endpoint"), "--id-token", "env:COMPANY_ID_TOKEN"],
          ...["--idp-client-id", value("idp_client_id"), "--client-id", value("client_id")],
        ],
        env: {
          COMPANY_ID_TOKEN: value("idp_id_token"),
          MCP_AUTH_CLIENT_SECRET: value("client_secret"),
        },
      };
    case "auth/wif-jwt-bearer":
      return {
        flags: ["--client-id", value("client_id"), "--workload-identity", "env:WORKLOAD_TOKEN"],
        env: { WORKLOAD_TOKEN: value("valid_jwt") },
      };
    default:
      return {};
  }
}
