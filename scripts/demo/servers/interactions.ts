/**
 * The two questions the demo authorization server asks a person: who are you, and do you allow this. Each is one
 * form; what comes back is put into the provider's terms here.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Grant, Interaction, Provider } from "./oidc_types.ts";
import { consentPage, endedPage, loginPage } from "./pages.ts";

/**
 * Answers a request for an interaction's page or with its form.
 *
 * @param provider the provider that started the interaction
 * @param users the passwords by user name
 * @param request the request, its path being the interaction's
 * @param response the place for the answer
 * @param form the submitted form; empty for a GET
 * @param action the interaction's path, to which its form is posted
 */
export async function answerInteraction(
  provider: Provider,
  users: Readonly<Record<string, string>>,
  request: IncomingMessage,
  response: ServerResponse,
  form: URLSearchParams,
  action: string,
): Promise<void> {
  let interaction: Interaction;
  try {
    interaction = await provider.interactionDetails(request, response);
  } catch (error) {
    return html(response, 400, endedPage(String(error)));
  }
  if (request.method !== "POST") {
    if (interaction.prompt.name === "login") return html(response, 200, loginPage(action));
    const client = await provider.Client.find(interaction.params.client_id);
    const name = client?.clientName ?? interaction.params.client_id;
    return html(response, 200, consentPage(action, name, interaction));
  }
  if (interaction.prompt.name === "login") {
    const login = form.get("login") ?? "";
    if (!Object.hasOwn(users, login) || users[login] !== form.get("password")) {
      return html(response, 401, loginPage(action, "Wrong user name or password"));
    }
    const result = { login: { accountId: login } };
    return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  if (form.get("decision") !== "approve") {
    const result = { error: "access_denied", error_description: "The user did not allow access" };
    return await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  const grantId = await grantFor(provider, interaction);
  await provider.interactionFinished(request, response, { consent: { grantId } });
}

async function grantFor(provider: Provider, interaction: Interaction): Promise<string> {
  const grant: Grant = (interaction.grantId && await provider.Grant.find(interaction.grantId)) ||
    new provider.Grant({
      accountId: interaction.session?.accountId ?? "",
      clientId: interaction.params.client_id,
    });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = interaction.prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(" "));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(" "));
  }
  return await grant.save();
}

function html(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" });
  response.end(page);
}
