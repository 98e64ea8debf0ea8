/**
 * A world for command lines: a throw-away home, an environment and a clock that the test sets, and streams that are
 * kept. The store in it is the real one.
 *
 * @module
 */
import { run } from "../../../lib/interfaces/cli/run.ts";
import type { World } from "../../../lib/interfaces/cli/context.ts";
import { systemPorts } from "../../../lib/interfaces/composition/system_ports.ts";
import { readTextFile } from "../../../lib/primitives/system/files.ts";
import { type CredentialStore, openStore } from "../../../lib/services/credentials/mod.ts";
import { type FakeClock, fakeClock } from "../../fakes/clock.ts";
import { fakeEnv } from "../../fakes/env.ts";

/** What a command line came to. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a test may set. */
export interface TestWorldOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly home?: string;
}

/** A world whose streams can be read. */
export interface TestWorld {
  readonly world: World;
  readonly clock: FakeClock;
  readonly streams: { out: string; err: string };
  /** Runs one command line; its streams start empty. */
  run(...argv: readonly string[]): Promise<Outcome>;
}

/** Makes a world; without a home its store is in memory and ends with each command. */
export function testWorld(options: TestWorldOptions = {}): TestWorld {
  const streams = { out: "", err: "" };
  const clock = fakeClock();
  const place: Record<string, string> = options.home === undefined
    ? { MCP_AUTH_KEYSTORE: "memory" }
    : { MCP_AUTH_HOME: options.home, MCP_AUTH_KEYSTORE: "file" };
  const world: World = {
    ports: {
      ...systemPorts(),
      env: fakeEnv({ ...place, ...options.env }),
      clock,
      // The signals of the test runner are its own.
      interruption: () =>
        Promise.resolve({
          signal: new AbortController().signal,
          shield: (operation) => operation(),
          [Symbol.dispose]: () => {},
        }),
    },
    terminal: {
      out: (text) => void (streams.out += text),
      err: (text) => void (streams.err += text),
      write: (chunk) => Promise.resolve(void (streams.out += new TextDecoder().decode(chunk))),
      input: () => new Response(options.input ?? "").body!,
      isInteractive: () => false,
      isOutTerminal: () => false,
      lineReader: () => Promise.resolve(() => Promise.resolve(undefined)),
      columns: () => undefined,
    },
    readTextFile: (path) => Promise.resolve(readTextFile(path)),
  };
  return {
    world,
    clock,
    streams,
    run: async (...argv) => {
      streams.out = streams.err = "";
      const code = await run(argv, world);
      return { code, ...streams };
    },
  };
}

/** A world with a home on disk, and its store to fill beforehand. */
export async function withHome(
  test: (
    home: { readonly world: TestWorld; store<T>(use: (store: CredentialStore) => Promise<T>): Promise<T> },
  ) => Promise<void>,
  options: Omit<TestWorldOptions, "home"> = {},
): Promise<void> {
  const home = await Deno.makeTempDir();
  try {
    const world = testWorld({ ...options, home });
    await test({
      world,
      store: async (use) => {
        using store = openStore({ env: fakeEnv(), keystore: "file", home });
        return await use(store);
      },
    });
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}
