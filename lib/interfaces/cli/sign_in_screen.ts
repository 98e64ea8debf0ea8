/**
 * What a person sees while they sign in, on standard error: who asks whom, the address to open or the code to enter, and
 * what to do where the browser in front of them does not reach this machine. Where the surroundings have chosen the way,
 * they are named first, in one sentence.
 *
 * @see behaviours rows 14 and 15; phishing (the MCP server and the authorization server are shown before the first page)
 * @module
 */
import { isLocalAddress, parseListen } from "../../primitives/oauth/redirect_uri.ts";
import type { Surroundings } from "../../primitives/system/surroundings.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { ServerRecord } from "../../services/credentials/mod.ts";
import type { PasteRefusal, SignInEvent } from "../../services/signin/mod.ts";
import { type CliContext, warningText } from "./context.ts";

/** What the screen is of. */
export interface SignInScreen {
  readonly server: ServerRecord;
  readonly verbose: boolean;
  /** Where the person sits, where that has chosen the way; undefined where they have. */
  readonly surroundings?: Surroundings | undefined;
}

/** The events by their kind. */
type Told<KIND extends SignInEvent["kind"]> = Extract<SignInEvent, { readonly kind: KIND }>;

/** Shows what happens. */
export function showSignIn(context: CliContext, screen: SignInScreen, event: SignInEvent): void {
  const { server, verbose } = screen;
  switch (event.kind) {
    case "provider":
      return showProvider(context, verbose, event);
    case "discovered":
      if (verbose) context.say(`Discovered: ${event.steps}`);
      return;
    case "issuer-changed":
      return context.say(
        `Warning: "${server.name}" was signed in at ${safeUrl(event.from)}; its server now names ${
          safeUrl(event.to)
        }`,
      );
    case "other-server":
      return context.say(
        `Warning: the server lists ${
          event.listed.map(safeUrl).join(", ") || "no authorization server"
        }; you named ${safeUrl(event.issuer)}`,
      );
    case "registered":
      if (verbose) context.say(`Client: ${event.source} at ${safeUrl(event.issuer)}`);
      return;
    case "client-forgotten":
      return context.say(`"${safeUrl(event.issuer)}" no longer knows this client; registering again`);
    case "document-unused":
      if (verbose) context.say(`Client metadata document ${safeUrl(event.url)} is not used: ${event.why}`);
      return;
    case "resource-omitted":
      return context.say(
        `"${safeUrl(event.issuer)}" refuses the resource parameter; going on without it${
          event.again ? ": approve once more" : ""
        }`,
      );
    case "authorize":
      return showPage(context, screen, event);
    case "no-browser":
      return context.say(warningText(event.error));
    case "no-device-code":
      return context.say(`Warning: ${event.error.message}`);
    case "paste-refused":
      return context.say(REFUSALS[event.reason]);
    case "device-code":
      return showDeviceCode(context, screen, event);
    case "received":
      if (verbose) context.say("Received the answer of the authorization server");
  }
}

const REFUSALS: Readonly<Record<PasteRefusal, string>> = {
  "authorization-url":
    "That is the address to open. Paste the one that the browser ends at, once you have approved:",
  "other-state": "That is the answer to another sign-in. Paste the address that this one ends at:",
  "cut-off": "The end of that address is missing. Copy it whole, and paste it again:",
  "code-alone": "The code alone cannot be checked for this server. Paste the whole address:",
  "unknown-code": "The server does not know that code. Paste the whole address that the browser ends at:",
  "not-an-answer": "That is not the address that the browser ends at. Paste that one:",
};

/** One line where something is known of a host that the person did not speak of, or where they want to know all. */
function showProvider(context: CliContext, verbose: boolean, event: Told<"provider">): void {
  const { title, checked, recognized, adds } = event;
  if (adds.length === 0 || !(recognized || verbose)) return;
  const when = checked === undefined ? "" : ` (${checked.slice(0, 7)})`;
  const off = recognized ? "; for none of it add --provider none" : "";
  context.say(`Using what is known of ${safeText(title)}${when}: ${safeText(adds.join(", "))}${off}`);
}

function showPage(context: CliContext, screen: SignInScreen, event: Told<"authorize">): void {
  const { server, surroundings } = screen;
  const why = event.opened ? undefined : surroundings && whyNoBrowser(surroundings);
  const lines = [
    whoAsksWhom(server, event.issuer),
    ...(why === undefined ? [] : [why]),
    event.opened ? "Opening the browser. If nothing opens, visit:" : "Open this URL in a browser:",
    `  ${event.url}`,
    ...(event.expiresInS === undefined
      ? []
      : [`That address is good for ${duration(event.expiresInS)}, and once`]),
    ...(event.port === undefined ? [] : openToOthers(server)),
    ...pasteLines(event),
    ...(surroundings === undefined || event.opened ? [] : otherWay(surroundings, server, event)),
  ];
  for (const line of lines) context.say(line);
}

function whoAsksWhom(server: ServerRecord, issuer: string): string {
  return `Sign in to "${server.name}" (${safeUrl(server.url)}) at ${safeUrl(issuer)}`;
}

/** Why no browser is started here; undefined where one would be. */
function whyNoBrowser({ place, opensBrowser }: Surroundings): string | undefined {
  if (opensBrowser) return undefined;
  const why = {
    desktop: "nothing opens one",
    wsl: "nothing opens one",
    ssh: "you are here by SSH, and yours is on another machine",
    codespaces: "this is a codespace, and yours is on another machine",
    gitpod: "this is a workspace in the cloud, and yours is on another machine",
    "web-ide": "this is a workspace in the cloud, and yours is on another machine",
    container: "this is a container, and yours is outside of it",
    ci: "this is a CI job, and nobody sits in front of it",
    "no-screen": "there is no screen (DISPLAY and WAYLAND_DISPLAY are not set)",
  }[place];
  return `No browser is started here: ${why}.`;
}

function openToOthers({ options }: ServerRecord): readonly string[] {
  if (options.listen === undefined || isLocalAddress(parseListen(options.listen))) return [];
  return [`Warning: the answer is awaited at ${options.listen}, which other machines may reach`];
}

function pasteLines({ opened, pasting, port, redirectUri }: Told<"authorize">): readonly string[] {
  if (!pasting) return opened ? [] : [`Once you approve, that browser has to reach ${redirectUri}`];
  if (port === undefined) {
    return [`Once you approve, it ends at ${redirectUri}. Paste that address here, whole, and press Enter:`];
  }
  return opened
    ? ["If it ends at a page that it cannot show, paste the address of that page here, and press Enter."]
    : [
      `Once you approve, it ends at ${redirectUri}, which another machine cannot show.`,
      "Paste the address of that page here, and press Enter:",
    ];
}

/** How the browser in front of the person could reach this machine. */
function otherWay(
  { place, forwardedHost }: Surroundings,
  { options }: ServerRecord,
  { port, redirectUri }: Told<"authorize">,
): readonly string[] {
  const isOwn = options.redirectUri === undefined && options.listen === undefined;
  if (port === undefined || !isOwn) return [];
  switch (place) {
    case "ssh":
      return [
        `(Or let that page through, in another terminal: ssh -L ${port}:${
          hostOf(redirectUri)
        }:${port} <this machine>)`,
      ];
    case "codespaces":
      if (forwardedHost === undefined) return [];
      return [
        `(Or let GitHub forward it, with --redirect-uri https://${
          forwardedHost.replace("{port}", String(port))
        }/callback --listen 127.0.0.1:${port})`,
      ];
    case "container":
      return [
        `(Or publish the port, with docker run -p 127.0.0.1:${port}:${port}, and add --listen 0.0.0.0:${port})`,
      ];
    case "ci":
      return ["(A job signs in by itself with --client-credentials or --workload-identity)"];
    default:
      return [];
  }
}

function hostOf(redirectUri: string): string {
  return new URL(redirectUri).hostname;
}

function showDeviceCode(context: CliContext, screen: SignInScreen, event: Told<"device-code">): void {
  const { server, surroundings } = screen;
  const why = surroundings && whyNoBrowser(surroundings);
  const lines = [
    whoAsksWhom(server, event.issuer),
    ...(why === undefined ? [] : [why]),
    "On any device, open this page and enter the code:",
    `  ${event.verificationUri}`,
    `  Code: ${event.userCode}`,
    `Waiting for you to approve, for ${duration(event.expiresInS)} at most`,
  ];
  for (const line of lines) context.say(line);
  const { verificationUriComplete: complete } = event;
  // Nobody waits for the picture: the code can be entered meanwhile.
  if (complete !== undefined) showQrCode(context, complete).catch(() => {});
}

function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return seconds < 120 ? `${seconds} s` : `${minutes} minutes`;
}

async function showQrCode(context: CliContext, url: string): Promise<void> {
  const { env, terminal } = context;
  const columns = terminal.columns();
  const locale = env.get("LC_ALL") ?? env.get("LC_CTYPE") ?? env.get("LANG");
  const showsBlocks = locale === undefined || /utf-?8/i.test(locale);
  if (columns === undefined || !showsBlocks || env.get("TERM") === "dumb") return;
  const { qrCode } = await import("./output/qr_code.ts");
  const lines = await qrCode(url, columns, env.get("NO_COLOR") === undefined);
  if (lines === undefined) return;
  context.say(["Or scan this, which has the code in it:", ...lines].join("\n"));
}
