/**
 * The pages of the demo authorization server: plain forms that a person, a headless browser and the scripted browser
 * can all submit. No script, no style sheet, nothing fetched.
 *
 * @module
 */

import type { Context, Interaction, Json } from "./oidc_types.ts";

/**
 * The sign-in form.
 *
 * @param action where the form is posted to
 * @param problem why the last try failed, if there was one
 * @returns the page
 */
export function loginPage(action: string, problem?: string): string {
  return page(
    "Sign in",
    `${problem === undefined ? "" : `<p role="alert">${escape(problem)}</p>`}
<form method="post" action="${escape(action)}">
<p><label>User name <input name="login" autocomplete="username" autofocus></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password"></label></p>
<p><button name="prompt" value="login">Sign in</button></p>
</form>`,
  );
}

/**
 * The consent form.
 *
 * @param action where the form is posted to
 * @param clientName the name the client registered, else its id
 * @param interaction what is asked for
 * @returns the page
 */
export function consentPage(action: string, clientName: string, interaction: Interaction): string {
  const { params, session } = interaction;
  return page(
    "Allow access",
    `<p><b id="client">${escape(clientName)}</b> asks for access, ${escape(session?.accountId ?? "")}.</p>
<dl>
<dt>Scopes</dt><dd id="scope">${escape(String(params.scope ?? "none"))}</dd>
<dt>Resource</dt><dd id="resource">${escape([params.resource ?? "none"].flat().join(" "))}</dd>
<dt>Returns to</dt><dd id="redirect_uri">${escape(String(params.redirect_uri ?? "no page"))}</dd>
</dl>
<form method="post" action="${escape(action)}">
<input type="hidden" name="prompt" value="consent">
<p><button name="decision" value="approve">Approve</button> <button name="decision" value="deny">Deny</button></p>
</form>`,
  );
}

/** The pages of the device flow, as `oidc-provider` asks for them. RFC 8628 section 3.3. */
export const devicePages = {
  userCodeInputSource(context: Context, form: string, _out: Json, error?: Error): void {
    context.body = page(
      "Connect a device",
      `${error === undefined ? "" : `<p role="alert">That code is not valid</p>`}
${form}<button type="submit" form="op.deviceInputForm">Continue</button>`,
    );
  },
  userCodeConfirmSource(
    context: Context,
    form: string,
    _client: unknown,
    _info: unknown,
    code: string,
  ): void {
    context.body = page(
      "Connect a device",
      `<p>Does your device show <b>${escape(code)}</b>?</p>
${form}<button type="submit" form="op.deviceConfirmForm">Yes</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">No</button>`,
    );
  },
  successSource(context: Context): void {
    context.body = page("Device connected", `<p>You can close this page.</p>`);
  },
};

/**
 * The page for an interaction that is over: there is nothing to submit.
 *
 * @param problem why it is over
 * @returns the page
 */
export function endedPage(problem: string): string {
  return page("This sign-in has ended", `<p id="error">${escape(problem)}</p>`);
}

/** The page for an error that has no client to go back to. */
export function errorPage(context: Context, out: Json): void {
  context.type = "html";
  context.body = page(
    "Something is wrong",
    `<p id="error">${escape(String(out.error))}</p><p>${escape(String(out.error_description ?? ""))}</p>`,
  );
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title></head>
<body><h1>${escape(title)}</h1>
${body}
</body></html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
