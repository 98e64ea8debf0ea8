/**
 * Fetches the URLs of its command line one after the other, as the product does, and prints what came of each as a line
 * of JSON: for tests of what Deno reads from the environment of a whole process.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- its output is what the test reads
import { createHttp } from "../../../../lib/primitives/http/client.ts";
import { Connections } from "../../../../lib/primitives/http/connections.ts";
import { type Http, UnsentError } from "../../../../lib/primitives/http/http.ts";
import { systemEnv } from "../../../../lib/primitives/system/env.ts";

/** What came of one request. */
export interface Fetched {
  readonly text?: string;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly unsent?: boolean;
}

async function outcome(http: Http, url: string, once: boolean): Promise<Fetched> {
  try {
    return { text: await (await http(url, { once })).text() };
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint: string };
    return { code, message, hint, unsent: error instanceof UnsentError };
  }
}

if (import.meta.main) {
  using connections = new Connections(systemEnv);
  const http = createHttp({ connect: connections.for({}) });
  for (const url of Deno.args) {
    for (const once of [true, false]) console.log(JSON.stringify(await outcome(http, url, once)));
  }
}
