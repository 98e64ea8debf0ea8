/**
 * `mcp-auth provider add`: the action.
 *
 * @module
 */
import { parseAuthorizeParameter } from "../../../../../primitives/oauth/authorize_parameters.ts";
import type { CallbackHost, GivenServer, ProviderRecord } from "../../../../../services/credentials/mod.ts";
import { checkProviderName, checkQuirk } from "../../../../../services/providers/mod.ts";
import type { Action, CommonFlags } from "../../../command.ts";
import { readScopes } from "../../../entry_flags.ts";
import { providerJson } from "../view.ts";

/** The flags of the command. */
export type ProviderAddFlags = CommonFlags & {
  readonly like?: string | undefined;
  readonly title?: string | undefined;
  readonly issuer?: string | undefined;
  readonly authorizationEndpoint?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
  readonly deviceEndpoint?: string | undefined;
  readonly revocationEndpoint?: string | undefined;
  readonly userinfoEndpoint?: string | undefined;
  readonly tokenAuthMethod?: "basic" | "post" | undefined;
  readonly url?: string | undefined;
  readonly host?: readonly string[] | undefined;
  readonly scope?: readonly string[] | undefined;
  readonly authorizeParam?: readonly string[] | undefined;
  readonly quirk?: readonly string[] | undefined;
  readonly callbackHost?: CallbackHost | undefined;
  readonly callbackPort?: readonly number[] | undefined;
  readonly setUpPage?: string | undefined;
  readonly sitesUrl?: string | undefined;
  readonly force?: boolean | undefined;
};

/** Defines a provider. */
export const action: Action<ProviderAddFlags, [string]> = async (context, flags, name) => {
  const services = context.services(flags);
  const record = definitionOf(checkProviderName(name), flags, context.clock.now());
  const template = await (await services.providers()).define(record, { replace: flags.force === true });
  context.print(flags, providerJson(template), `✓ Defined provider ${name}`);
  if (services.store.inMemory) context.say("Nothing is kept: the memory keystore ends with this command");
};

function definitionOf(name: string, flags: ProviderAddFlags, createdAt: number): ProviderRecord {
  const { tokenAuthMethod: method } = flags;
  const server: GivenServer = defined({
    issuer: flags.issuer,
    authorizationEndpoint: flags.authorizationEndpoint,
    tokenEndpoint: flags.tokenEndpoint,
    deviceAuthorizationEndpoint: flags.deviceEndpoint,
    revocationEndpoint: flags.revocationEndpoint,
    userinfoEndpoint: flags.userinfoEndpoint,
    tokenEndpointAuthMethod: method && (method === "post" ? "client_secret_post" : "client_secret_basic"),
  });
  return {
    name,
    createdAt,
    ...defined({
      like: flags.like,
      title: flags.title,
      server: Object.keys(server).length === 0 ? undefined : server,
      apiUrl: flags.url,
      hosts: flags.host,
      scopes: flags.scope && readScopes(flags.scope),
      authorizeParameters: flags.authorizeParam &&
        Object.fromEntries(flags.authorizeParam.map(parseAuthorizeParameter)),
      quirks: flags.quirk?.map(checkQuirk),
      callbackHost: flags.callbackHost,
      callbackPorts: flags.callbackPort,
      setUpPage: flags.setUpPage,
      sitesUrl: flags.sitesUrl,
    }),
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The members that are there. */
function defined<T extends object>(members: T): Defined<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>;
}
