/**
 * What a person sees while they sign in, in each surroundings.
 *
 * @see behaviours rows 14 and 15
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { CliContext } from "../../../lib/interfaces/cli/context.ts";
import { showSignIn } from "../../../lib/interfaces/cli/sign_in_screen.ts";
import { McpAuthError } from "../../../lib/primitives/errors.ts";
import type { PlaceOfPerson, Surroundings } from "../../../lib/primitives/system/surroundings.ts";
import type { ServerOptions } from "../../../lib/services/credentials/mod.ts";
import type { SignInEvent } from "../../../lib/services/signin/mod.ts";
import { testWorld } from "./world.ts";

const AUTHORIZE = {
  kind: "authorize",
  url: "https://as.example/authorize?x=1",
  issuer: "https://as.example",
  opened: false,
  redirectUri: "http://127.0.0.1:8456/callback",
  port: 8456,
  pasting: true,
} as const;

/** The lines that an event makes. */
function linesOf(
  event: SignInEvent,
  { surroundings, options = {}, verbose = false }: {
    readonly surroundings?: Surroundings;
    readonly options?: ServerOptions;
    readonly verbose?: boolean;
  } = {},
): readonly string[] {
  const { world, streams } = testWorld();
  const server = {
    name: "demo",
    url: "https://mcp.example/mcp",
    createdAt: 1,
    signIn: "oauth",
    options,
  } as const;
  showSignIn(new CliContext(world, () => {}), { server, verbose, surroundings }, event);
  return streams.err.split("\n").slice(0, -1);
}

const at = (place: PlaceOfPerson, more: Partial<Surroundings> = {}): Surroundings => ({
  place,
  opensBrowser: false,
  ...more,
});

const WHO = 'Sign in to "demo" (https://mcp.example/mcp) at https://as.example';
const PASTE = [
  "Once you approve, it ends at http://127.0.0.1:8456/callback, which another machine cannot show.",
  "Paste the address of that page here, and press Enter:",
];
const OPEN = ["Open this URL in a browser:", "  https://as.example/authorize?x=1"];

Deno.test("who asks whom comes first, then the page: opened, or to be opened", () => {
  deepEqual(linesOf({ ...AUTHORIZE, opened: true, pasting: false }), [
    WHO,
    "Opening the browser. If nothing opens, visit:",
    "  https://as.example/authorize?x=1",
  ]);
  deepEqual(linesOf({ ...AUTHORIZE, opened: true }).slice(3), [
    "If it ends at a page that it cannot show, paste the address of that page here, and press Enter.",
  ]);
  deepEqual(linesOf(AUTHORIZE), [WHO, ...OPEN, ...PASTE]);
  deepEqual(linesOf({ ...AUTHORIZE, pasting: false }), [
    WHO,
    ...OPEN,
    "Once you approve, that browser has to reach http://127.0.0.1:8456/callback",
  ]);
});

const WHY: readonly (readonly [Surroundings, why: string, otherWay: readonly string[]])[] = [
  [at("ssh"), "you are here by SSH, and yours is on another machine", [
    "(Or let that page through, in another terminal: ssh -L 8456:127.0.0.1:8456 <this machine>)",
  ]],
  [
    at("codespaces", { forwardedHost: "x-y-{port}.app.github.dev" }),
    "this is a codespace, and yours is on another machine",
    [
      "(Or let GitHub forward it, with --redirect-uri https://x-y-8456.app.github.dev/callback --listen 127.0.0.1:8456)",
    ],
  ],
  [at("codespaces"), "this is a codespace, and yours is on another machine", []],
  [at("gitpod"), "this is a workspace in the cloud, and yours is on another machine", []],
  [at("web-ide"), "this is a workspace in the cloud, and yours is on another machine", []],
  [at("container"), "this is a container, and yours is outside of it", [
    "(Or publish the port, with docker run -p 127.0.0.1:8456:8456, and add --listen 0.0.0.0:8456)",
  ]],
  [at("ci"), "this is a CI job, and nobody sits in front of it", [
    "(A job signs in by itself with --client-credentials or --workload-identity)",
  ]],
  [at("no-screen"), "there is no screen (DISPLAY and WAYLAND_DISPLAY are not set)", []],
];

for (const [surroundings, why, otherWay] of WHY) {
  Deno.test(`row 14: at ${surroundings.place}, the reason comes first, and the other way last (${otherWay.length})`, () => {
    deepEqual(linesOf(AUTHORIZE, { surroundings }), [
      WHO,
      `No browser is started here: ${why}.`,
      ...OPEN,
      ...PASTE,
      ...otherWay,
    ]);
  });
}

Deno.test("row 14: where a browser opens, nothing is said of the surroundings", () => {
  const surroundings = at("wsl", { opensBrowser: true });
  equal(linesOf({ ...AUTHORIZE, opened: true, pasting: false }, { surroundings }).length, 3);
});

Deno.test("row 15: a redirect URI elsewhere is named, and a place that others may reach is warned of", () => {
  deepEqual(linesOf({ ...AUTHORIZE, redirectUri: "https://tools.example/cb", port: undefined }), [
    WHO,
    ...OPEN,
    "Once you approve, it ends at https://tools.example/cb. Paste that address here, whole, and press Enter:",
  ]);
  const warned = (listen: string) =>
    linesOf(AUTHORIZE, { surroundings: at("container"), options: { listen } }).filter((line) =>
      /^Warning|docker/.test(line)
    );
  deepEqual(warned("0.0.0.0:8456"), [
    "Warning: the answer is awaited at 0.0.0.0:8456, which other machines may reach",
  ]);
  deepEqual(warned("127.0.0.1:8456"), []);
});

Deno.test("each refusal of a paste says what to paste, and repeats nothing", () => {
  const reasons = [
    "authorization-url",
    "other-state",
    "cut-off",
    "code-alone",
    "unknown-code",
    "not-an-answer",
  ] as const;
  const lines = reasons.flatMap((reason) => linesOf({ kind: "paste-refused", reason }));
  equal(new Set(lines).size, reasons.length);
  for (const line of lines) ok(/paste/i.test(line) && line.endsWith(":"), line);
});

Deno.test("a device code: the page, the code, and how long", () => {
  const event = {
    kind: "device-code",
    issuer: "https://as.example",
    userCode: "WDJB-MJHT",
    verificationUri: "https://as.example/device",
    expiresInS: 900,
  } as const;
  const lines = [
    "On any device, open this page and enter the code:",
    "  https://as.example/device",
    "  Code: WDJB-MJHT",
    "Waiting for you to approve, for 15 minutes at most",
  ];
  deepEqual(linesOf(event), [WHO, ...lines]);
  deepEqual(linesOf(event, { surroundings: at("no-screen") }).slice(1), [
    "No browser is started here: there is no screen (DISPLAY and WAYLAND_DISPLAY are not set).",
    ...lines,
  ]);
  equal(linesOf({ ...event, expiresInS: 90 }).at(-1), "Waiting for you to approve, for 90 s at most");
});

Deno.test("what did not work is a warning", () => {
  const error = new McpAuthError("NOT_FOUND", "Cannot start the browser", { hint: "Open it by hand" });
  deepEqual(linesOf({ kind: "no-browser", error }), ["Warning: Cannot start the browser. Open it by hand"]);
  deepEqual(linesOf({ kind: "no-device-code", error }), ["Warning: Cannot start the browser"]);
});
