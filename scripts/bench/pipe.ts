/**
 * The least that can carry lines between a host and a server: no errors, no streams, no end of the session. What a
 * bridge costs beyond this is the price of what it does.
 *
 *     AUTHORIZATION="Bearer ..." deno run -A scripts/bench/pipe.ts http://127.0.0.1:3000/mcp
 *
 * @module
 */
const headers = new Headers({
  "authorization": Deno.env.get("AUTHORIZATION") ?? "",
  "content-type": "application/json",
  "accept": "application/json, text/event-stream",
});
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop() ?? "";
  for (const body of lines) {
    fetch(Deno.args[0] ?? "", { method: "POST", headers, body }).then(async (response) => {
      headers.set(
        "mcp-session-id",
        response.headers.get("mcp-session-id") ?? headers.get("mcp-session-id") ?? "",
      );
      const answer = await response.text();
      if (answer !== "") await Deno.stdout.write(new TextEncoder().encode(`${answer}\n`));
    });
  }
}
