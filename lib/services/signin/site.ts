/**
 * The site that an entry is for, where its provider keeps several under one sign-in: it is asked for once the tokens are
 * there, and remembered. Nobody guesses: where there are several and nobody can be asked, they are listed.
 *
 * @see Atlassian, OAuth 2.0 (3LO) apps: accessible resources
 * @module
 */
import { McpAuthError } from "../../primitives/errors.ts";
import { readJson } from "../../primitives/http/body.ts";
import type { Http } from "../../primitives/http/http.ts";
import { SITES_MAX, SITES_SHOWN_MAX } from "../../primitives/limits.ts";
import { isObject } from "../../primitives/oauth/json.ts";
import { safeText, safeUrl } from "../../primitives/untrusted_text.ts";
import type { Site } from "../credentials/mod.ts";
import type { SignInPorts, SignInRequest } from "./sign_in.ts";

/**
 * Refuses a wish for a site where the provider of the entry has none, before anybody is asked to approve.
 *
 * @throws {McpAuthError} `USAGE`.
 */
export function checkSiteWish(
  { entry, provider, site }: Pick<SignInRequest, "entry" | "provider" | "site">,
): void {
  if (site === undefined || provider?.sitesUrl !== undefined) return;
  throw new McpAuthError(
    "USAGE",
    `Cannot use --site for "${entry.name}": ${
      provider === undefined ? "it has no provider" : "its provider has no sites to choose from"
    }`,
  );
}

/**
 * The site of a sign-in.
 *
 * @param ports What it runs on.
 * @param request What it is for.
 * @param accessToken What it has brought.
 * @throws {McpAuthError} As {@linkcode chooseSite}.
 */
export async function siteOf(
  { http, askSite }: Pick<SignInPorts, "http" | "askSite">,
  { entry, provider, site, signal }: SignInRequest,
  accessToken: string,
): Promise<Site | undefined> {
  const sitesUrl = provider?.sitesUrl;
  if (sitesUrl === undefined) return undefined;
  return await chooseSite({
    http,
    sitesUrl,
    accessToken,
    wish: site,
    remembered: entry.options.site,
    ask: askSite,
    signal,
  });
}

/** Asks a person for one of several sites; `AUTH_CANCELLED` where they give up. */
export type AskSite = (sites: readonly Site[]) => Promise<Site>;

/** What {@linkcode chooseSite} takes. */
export interface SiteQuestion {
  readonly http: Http;
  /** Where the sites are listed. */
  readonly sitesUrl: string;
  readonly accessToken: string;
  /** The id, the name or the URL of the site that the user wants. */
  readonly wish: string | undefined;
  /** The one of the sign-in before. */
  readonly remembered: Site | undefined;
  readonly ask: AskSite | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Chooses the site.
 *
 * @returns Undefined where the account has none.
 * @throws {McpAuthError} `CONFIG_INVALID` for a wish that is no site, `CONFIG_MISSING` where there are several and no
 *   wish, `SERVER_ERROR` where they are not listed, or what the fetch and the person throw.
 */
export async function chooseSite(question: SiteQuestion): Promise<Site | undefined> {
  const { wish, remembered, ask } = question;
  const sites = await listSites(question);
  if (wish !== undefined) {
    const wanted = sites.filter((site) => isMeant(site, wish));
    const [only] = wanted;
    if (only !== undefined && wanted.length === 1) return only;
    throw new McpAuthError(
      "CONFIG_INVALID",
      `Cannot use site "${safeText(wish, 80)}": ${
        wanted.length === 0 ? "the account has none that is called so" : "several are called so"
      }. ${listed(sites)}`,
      { hint: "Repeat the command with --site <id>" },
    );
  }
  const known = sites.find(({ id }) => id === remembered?.id);
  if (known !== undefined) return known;
  if (sites.length <= 1) return sites[0];
  if (ask !== undefined) return await ask(sites);
  throw new McpAuthError(
    "CONFIG_MISSING",
    `Cannot choose a site: the account has several. ${listed(sites)}`,
    {
      hint: "Repeat the command with --site <id>",
    },
  );
}

async function listSites({ http, sitesUrl, accessToken, signal }: SiteQuestion): Promise<readonly Site[]> {
  const failed = (why: string) =>
    new McpAuthError("SERVER_ERROR", `Cannot list the sites of the account: "${safeUrl(sitesUrl)}" ${why}`, {
      hint: "Try again later",
    });
  const response = await http(sitesUrl, {
    headers: { accept: "application/json", authorization: `Bearer ${accessToken}` },
    signal,
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw failed(`answered ${response.status}`);
  }
  const json = await readJson(response);
  if (!Array.isArray(json)) throw failed("answered no list");
  const sites = json.slice(0, SITES_MAX).flatMap(readSite);
  // One site may be listed once for each of its products.
  return sites.filter(({ id }, index) => sites.findIndex((other) => other.id === id) === index);
}

function readSite(value: unknown): readonly Site[] {
  if (!isObject(value) || typeof value.id !== "string") return [];
  if (!/^[\x21-\x7e]{1,200}$/.test(value.id)) return [];
  const { id, url } = value;
  const name = typeof value.name === "string" ? safeText(value.name, 100) : "";
  const isUrl = typeof url === "string" && url.length <= 1_000 && !/\p{Cc}/u.test(url) &&
    URL.parse(url)?.protocol === "https:";
  return [{ id, name: name === "" ? id : name, ...(isUrl ? { url } : {}) }];
}

function isMeant({ id, name, url }: Site, wish: string): boolean {
  if (id === wish || name.toLowerCase() === wish.toLowerCase()) return true;
  const site = url === undefined ? null : URL.parse(url);
  if (site === null) return false;
  return site.host === wish.toLowerCase() || site.href === URL.parse(wish)?.href;
}

function listed(sites: readonly Site[]): string {
  if (sites.length === 0) return "It has no site at all";
  const shown = sites.slice(0, SITES_SHOWN_MAX).map(({ id, name, url }) =>
    `"${safeText(name)}" (${safeText(id)}${url === undefined ? "" : `, ${safeUrl(url)}`})`
  );
  return `Its sites are: ${shown.join(", ")}${sites.length > shown.length ? ", and more" : ""}`;
}
