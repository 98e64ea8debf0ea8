/**
 * What grants run on, of a test's own: variables and files that it sets, and the real fetch.
 *
 * @module
 */
import { McpAuthError } from "../../lib/primitives/errors.ts";
import { createHttp } from "../../lib/primitives/http/client.ts";
import type { Clock } from "../../lib/primitives/system/clock.ts";
import type { CredentialRecord } from "../../lib/services/credentials/mod.ts";
import type { GrantPorts } from "../../lib/services/grants/mod.ts";
import { fakeEnv } from "./env.ts";

/** What a test may set; nothing is there otherwise. */
export interface FakeGrantOptions {
  readonly clock: Clock;
  readonly env?: Readonly<Record<string, string>>;
  /** By path; may be changed while the test runs. */
  readonly files?: Map<string, string>;
  readonly identity?: (name: string) => Promise<CredentialRecord>;
}

/** Makes the ports. */
export function fakeGrantPorts({ clock, env, files, identity }: FakeGrantOptions): GrantPorts {
  const http = createHttp();
  return {
    http,
    httpAt: () => http,
    clock,
    env: fakeEnv(env),
    readFile: (path) => {
      const text = files?.get(path);
      return text === undefined
        ? Promise.reject(new McpAuthError("CONFIG_MISSING", `Cannot read "${path}": there is no such file`))
        : Promise.resolve(new TextEncoder().encode(text));
    },
    identity: identity ?? ((name) => Promise.reject(new McpAuthError("NOT_FOUND", `Cannot find "${name}"`))),
  };
}
