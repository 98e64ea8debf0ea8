/**
 * The reference server of the protocol's own organisation, which has something for every feature: tools, prompts,
 * resources, subscriptions, logging, completion, and requests in the other direction. It is a program of its own, run
 * from the registry; the one place that says which release.
 *
 * @module
 */

/** The release, as a registry's specifier names it. */
export const EVERYTHING = "npm:@modelcontextprotocol/server-everything@2026.8.31";

/** How it listens: over HTTP in either way of the stateful revisions, or on its standard input. */
export type EverythingTransport = "stdio" | "sse" | "streamableHttp";

/** One that runs and listens. */
export interface RunningEverything extends AsyncDisposable {
  /** The URL of its endpoint. */
  readonly url: string;
  /** What it wrote to both of its outputs, so far. */
  readonly output: string;
}

/** How long it may take to listen, in milliseconds: the first time it is downloaded. */
const START_WAIT_MS = 60_000;

/**
 * The command line that runs it.
 *
 * @param transport how it listens
 */
export function everythingCommand(transport: EverythingTransport): readonly string[] {
  return [Deno.execPath(), "run", "-A", "--no-config", "--no-lock", EVERYTHING, transport];
}

/**
 * Downloads it, where that has not happened yet: whoever starts the command line later may do so without the settings
 * that reach the registry.
 *
 * @throws Error when it cannot be had
 */
export async function fetchEverything(): Promise<void> {
  const args = ["cache", "--no-config", "--no-lock", EVERYTHING];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  if (!success) throw new Error(`The server cannot be had: ${new TextDecoder().decode(stderr)}`);
}

/**
 * Starts it on a free port.
 *
 * @param transport `"sse"` listens at `/sse`, `"streamableHttp"` at `/mcp`
 * @returns the running server; close it when done
 * @throws Error when it ends, or does not listen within a minute
 */
export async function startEverything(
  transport: Exclude<EverythingTransport, "stdio">,
): Promise<RunningEverything> {
  const port = freePort();
  const [program = "", ...args] = everythingCommand(transport);
  const child = new Deno.Command(program, {
    args,
    env: { PORT: String(port), DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  const take = (text: string) => void (output += text);
  const streams = Promise.all([readText(child.stdout, take), readText(child.stderr, take)]);
  let hasEnded = false;
  const ended = child.status.then(() => void (hasEnded = true));
  const close = async () => {
    if (!hasEnded) child.kill("SIGKILL");
    await ended;
    await streams;
  };
  const until = performance.now() + START_WAIT_MS;
  while (!/(listening|running) on port/.test(output)) {
    if (hasEnded || performance.now() > until) {
      await close();
      throw new Error(`The server does not listen: ${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url: `http://127.0.0.1:${port}/${transport === "sse" ? "sse" : "mcp"}`,
    get output() {
      return output;
    },
    [Symbol.asyncDispose]: close,
  };
}

/** A port that nothing listens on. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function readText(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}
