/**
 * How providers are shown.
 *
 * @module
 */
import { QUIRKS } from "../../../../primitives/oauth/quirks/table.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";
import { clientVariables, type ProviderTemplate } from "../../../../services/providers/mod.ts";

/** Which sides a provider has, in words. */
export function sidesOf({ mcp, api }: ProviderTemplate): string {
  return [...(api === undefined ? [] : ["API"]), ...(mcp === undefined ? [] : ["MCP"])].join(", ");
}

/** A provider for scripts. */
export function providerJson(template: ProviderTemplate): Readonly<Record<string, unknown>> {
  const { name, title, source, setUpPage, redirect, parameters, quirks = [], mcp, api, notes = [] } =
    template;
  return {
    name,
    title,
    built_in: source !== undefined,
    source: source?.url ?? null,
    further_sources: source?.also ?? [],
    checked: source?.checked ?? null,
    set_up_page: setUpPage ?? null,
    callback_host: redirect?.host ?? null,
    callback_ports: redirect?.ports ?? null,
    parameters: parameters ?? {},
    quirks: quirks.map((quirk) => {
      const { changes, source: from, checked } = QUIRKS[quirk];
      return { name: quirk, changes, source: from, checked };
    }),
    mcp: mcp ?? null,
    api: api ?? null,
    client_variables: Object.values(clientVariables(name)),
    notes,
  };
}

/** A provider for a person. */
export function providerText(template: ProviderTemplate): string {
  const { name, title, source, setUpPage, redirect, parameters = {}, quirks = [], mcp, api, notes = [] } =
    template;
  const { id, secret } = clientVariables(name);
  const pairs = (values: Readonly<Record<string, string>> = {}) =>
    Object.entries(values).map((pair) => pair.join("=")).join(" ");
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["Name", name],
    ["Title", title],
    ["Source", source?.url ?? "your own definition"],
    ...(source?.also ?? []).map((url) => ["Source", url] as const),
    ["Looked up", source && `${source.checked}, as written there; not tried at its servers`],
    ["Register at", setUpPage],
    ["Callback", redirectText(redirect)],
    ...Object.entries(parameters).map(([parameter, { brief, default: value }]) =>
      [`{${parameter}}`, `${brief}${value === undefined ? "" : ` (${value})`}`] as const
    ),
    ["API", api?.url],
    ...Object.entries(api?.server ?? {}).map(([member, value]) => [labelOf(member), value] as const),
    ["Scopes", api?.scopes?.join(" ")],
    ["Parameters", pairs(api?.authorizeParameters)],
    ["Sites", api?.sitesUrl],
    ["MCP hosts", mcp?.hosts.join(" ")],
    ...Object.entries(mcp?.server ?? {}).map(([member, value]) => [`MCP ${labelOf(member)}`, value] as const),
    ["Variables", `${id} ${secret}`],
    ...quirks.map((quirk) => ["Quirk", `${quirk}: ${QUIRKS[quirk].changes}`] as const),
    ...notes.map((note) => ["Note", note] as const),
  ];
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== undefined && row[1] !== "");
  const width = Math.max(...shown.map(([label]) => label.length)) + 2;
  return shown.map(([label, value]) => `${`${label}:`.padEnd(width)}${safeText(value)}`).join("\n");
}

function redirectText(redirect: ProviderTemplate["redirect"]): string | undefined {
  if (redirect?.host === undefined && redirect?.ports === undefined) return undefined;
  const [port] = redirect.ports ?? [];
  return `http://${redirect.host ?? "127.0.0.1"}${port === undefined ? "" : `:${port}`}/callback`;
}

/** `tokenEndpoint` as people read it. */
function labelOf(member: string): string {
  const words = member.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
