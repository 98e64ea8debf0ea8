/**
 * The server of the contract of remotes as a program: one message a line. It also does what only a program can, by its
 * arguments: `--stubborn` ends neither with its input nor on SIGTERM, `--crash` ends at once and says why.
 *
 * @module
 */
import { LineFramer } from "../../lib/primitives/mcp/stdio.ts";
import { Peer, type PeerLink } from "./remote_peer.ts";

if (import.meta.main) {
  const peer = new Peer();
  const link: PeerLink = {
    send: (message) => writeWhole(`${JSON.stringify(message)}\n`),
    cut: () => {
      complain("It was told to stop here");
      Deno.exit(7);
    },
  };
  if (Deno.args.includes("--crash")) {
    complain("first line\nCannot start: no key in token=abcdefghijklmnop123456\n");
    Deno.exit(3);
  }
  if (Deno.args.includes("--stubborn")) {
    Deno.addSignalListener("SIGTERM", () => {});
    setInterval(() => {}, 1_000);
  }
  complain("Ready");
  const framer = new LineFramer(1 << 30);
  for await (const chunk of Deno.stdin.readable) {
    for (const frame of framer.push(chunk as Uint8Array<ArrayBuffer>)) {
      if ("line" in frame) void peer.take(JSON.parse(new TextDecoder().decode(frame.line)), link);
    }
  }
}

function complain(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

function writeWhole(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}
