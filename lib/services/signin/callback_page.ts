/**
 * The pages that the browser ends on. They are constants: nothing of the request, the server or the error is in them,
 * so there is nothing to inject into. Their one script, allowed by its hash, tries to close the tab; a page that came
 * by a redirect may not, so the text says that the person can.
 *
 * @see behaviours, advisories on callback pages (reflected `error_description`)
 * @module
 */

/** Which page. */
export type CallbackPage = "done" | "failed" | "stray";

const SCRIPT = "setTimeout(()=>window.close(),500)";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:32em;margin:20vh auto;padding:0 1em;color:#222;" +
  "background:#fff}h1{font-size:1.4em}@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}}";

const TEXTS: Readonly<Record<CallbackPage, readonly [title: string, text: string, status: number]>> = {
  done: ["Signed in", "mcp-auth has received the answer. You can close this tab.", 200],
  failed: [
    "Not signed in",
    "mcp-auth could not use the answer; the terminal says why. You can close this tab.",
    400,
  ],
  stray: [
    "Nothing to do here",
    "This answer does not belong to a sign-in that mcp-auth is waiting for.",
    400,
  ],
};

/** Makes the response with a page. */
export async function callbackPage(page: CallbackPage): Promise<Response> {
  const [title, text, status] = TEXTS[page];
  const script = page === "stray" ? "" : `<script>${SCRIPT}</script>`;
  const html =
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${title} - mcp-auth</title><style>${STYLE}</style><h1>${title}</h1><p>${text}</p>${script}</html>`;
  return new Response(html, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        `default-src 'none'; script-src '${await hashOf(SCRIPT)}'; style-src '${await hashOf(STYLE)}'; ` +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      connection: "close",
    },
  });
}

async function hashOf(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return `sha256-${digest.toBase64()}`;
}
