/**
 * Identity providers, and vendors whose API has no MCP discovery. Endpoints are named where a provider's metadata cannot
 * be compared with its issuer, or is not published; an issuer is named where it can be read.
 *
 * @module
 */
import type { ProviderTemplate } from "../template.ts";

const CHECKED = "2026-11-21";
const OPENID = ["openid", "profile", "email"] as const;

/** Where people sign in to Slack, to its API and its MCP server alike. */
const SLACK = {
  authorizationEndpoint: "https://slack.com/oauth/v2_user/authorize",
  tokenEndpoint: "https://slack.com/api/oauth.v2.user.access",
  tokenEndpointAuthMethod: "client_secret_post",
} as const;

/** The templates. */
export const APIS: readonly ProviderTemplate[] = [
  {
    name: "github",
    title: "GitHub",
    source: {
      url: "https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps",
      also: [
        "https://github.com/pytorch/test-infra/pull/8589", // The issuer.
        "https://github.com/github/github-mcp-server/blob/main/docs/remote-server.md",
      ],
      checked: CHECKED,
    },
    setUpPage: "https://github.com/settings/developers",
    mcp: { hosts: ["api.githubcopilot.com"] },
    api: {
      url: "https://api.github.com",
      server: {
        // The answer to the callback names it.
        issuer: "https://github.com/login/oauth",
        authorizationEndpoint: "https://github.com/login/oauth/authorize",
        tokenEndpoint: "https://github.com/login/oauth/access_token",
        deviceAuthorizationEndpoint: "https://github.com/login/device/code",
        userinfoEndpoint: "https://api.github.com/user",
        tokenEndpointAuthMethod: "client_secret_post",
      },
      scopes: ["read:user"],
    },
    notes: ["GitHub registers no clients by itself, and gives each a secret that it wants to see."],
  },
  {
    name: "google",
    title: "Google",
    source: {
      url: "https://developers.google.com/identity/protocols/oauth2/native-app",
      also: [
        "https://docs.cloud.google.com/mcp/set-up-authentication-mcp-servers",
        "https://docs.cloud.google.com/mcp/supported-products",
      ],
      checked: CHECKED,
    },
    setUpPage: "https://console.cloud.google.com/auth/clients",
    quirks: ["offline-parameters"],
    mcp: { hosts: ["*.googleapis.com"] },
    api: {
      url: "https://www.googleapis.com",
      server: { issuer: "https://accounts.google.com" },
      scopes: ["openid", "email"],
    },
    notes: [
      "Google registers no clients by itself.",
      'Register a client of type "Desktop app": any loopback port will do. Its secret is needed too.',
    ],
  },
  {
    name: "entra",
    title: "Microsoft Entra ID",
    source: {
      url: "https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow",
      also: [
        "https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-device-code",
        "https://learn.microsoft.com/en-us/entra/identity-platform/reply-url",
      ],
      checked: CHECKED,
    },
    setUpPage: "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade",
    redirect: { host: "localhost" },
    parameters: { tenant: { brief: "id or domain of the tenant", default: "common" } },
    quirks: ["omit-resource", "repeat-scope", "assume-pkce"],
    api: {
      url: "https://graph.microsoft.com",
      // Its metadata names a tenant by its id, and for `common` says `{tenantid}`: endpoints, not the issuer.
      server: {
        authorizationEndpoint: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        tokenEndpoint: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        deviceAuthorizationEndpoint: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
      },
      scopes: [...OPENID, "offline_access", "User.Read"],
    },
    notes: ['Register the redirect URI under "Mobile and desktop applications".'],
  },
  {
    name: "auth0",
    title: "Auth0",
    source: {
      url: "https://auth0.com/docs/get-started/applications/configure-applications-with-oidc-discovery",
      also: [
        "https://auth0.com/docs/secure/tokens/refresh-tokens/get-refresh-tokens",
        "https://auth0.com/docs/api/authentication/authorization-code-flow-with-pkce/authorize-with-pkce",
      ],
      checked: CHECKED,
    },
    setUpPage: "https://manage.auth0.com/",
    parameters: { domain: { brief: "domain of the tenant, such as example.eu.auth0.com" } },
    api: {
      url: "https://{domain}",
      server: { issuer: "https://{domain}/" },
      scopes: [...OPENID, "offline_access"],
    },
    notes: ["For the tokens of an API of yours, add --authorize-param audience=<its identifier>."],
  },
  {
    name: "okta",
    title: "Okta",
    source: {
      url: "https://developer.okta.com/docs/concepts/auth-servers/",
      also: ["https://github.com/okta/okta-vue/issues/81"], // offline_access.
      checked: CHECKED,
    },
    parameters: {
      domain: { brief: "domain of the organization, such as example.okta.com" },
      server: { brief: "id of the custom authorization server", default: "default" },
    },
    api: {
      url: "https://{domain}",
      server: { issuer: "https://{domain}/oauth2/{server}" },
      scopes: [...OPENID, "offline_access"],
    },
    notes: [
      "Outside of developer organizations, custom authorization servers need API Access Management.",
      "For refresh tokens, the grant type Refresh Token has to be switched on for the app.",
    ],
  },
  {
    name: "keycloak",
    title: "Keycloak",
    source: { url: "https://www.keycloak.org/securing-apps/oidc-layers", checked: CHECKED },
    setUpPage: "https://{domain}/admin/",
    parameters: {
      domain: { brief: "host of the server" },
      realm: { brief: "name of the realm" },
    },
    api: {
      url: "https://{domain}",
      server: { issuer: "https://{domain}/realms/{realm}" },
      scopes: [...OPENID],
    },
  },
  {
    name: "atlassian",
    title: "Atlassian",
    source: {
      url: "https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/",
      also: [
        "https://support.atlassian.com/atlassian-rovo-mcp-server/docs/using-with-other-supported-mcp-clients/",
      ],
      checked: CHECKED,
    },
    setUpPage: "https://developer.atlassian.com/console/myapps/",
    mcp: { hosts: ["mcp.atlassian.com"] },
    api: {
      url: "https://api.atlassian.com",
      server: {
        authorizationEndpoint: "https://auth.atlassian.com/authorize",
        tokenEndpoint: "https://auth.atlassian.com/oauth/token",
        userinfoEndpoint: "https://api.atlassian.com/me",
        tokenEndpointAuthMethod: "client_secret_post",
      },
      scopes: ["offline_access", "read:jira-work", "read:jira-user"],
      authorizeParameters: { audience: "api.atlassian.com", prompt: "consent" },
      sitesUrl: "https://api.atlassian.com/oauth/token/accessible-resources",
    },
    notes: [
      "Requests go to https://api.atlassian.com/ex/jira/<id of the site>/.",
      "The account is only named with the scope read:me, for which the app needs the User identity API.",
      "The MCP server is at https://mcp.atlassian.com/v1/mcp/authv2.",
    ],
  },
  {
    name: "slack",
    title: "Slack",
    source: {
      url: "https://docs.slack.dev/ai/slack-mcp-server/",
      also: [
        "https://docs.slack.dev/authentication/using-pkce/",
        "https://github.com/slackapi/slack-skills-plugin/issues/7", // The issuer.
      ],
      checked: CHECKED,
    },
    setUpPage: "https://api.slack.com/apps",
    redirect: { host: "localhost", ports: [3118] },
    mcp: {
      hosts: ["mcp.slack.com"],
      // Its resource lists this issuer, but the metadata there names another one: no discovery can accept that.
      server: { issuer: "https://mcp.slack.com", ...SLACK },
    },
    api: {
      url: "https://slack.com/api",
      server: SLACK,
      scopes: ["users:read"],
    },
    notes: [
      "Slack registers no clients by itself; only apps that are published or internal may use its MCP server.",
      "Register http://localhost:3118/callback, or another port with --callback-port. It takes an app with PKCE " +
      "switched on, which is a public client: leave its secret out.",
      "Slack refuses scopes that the app has not declared: name those that it has with --scope.",
    ],
  },
  {
    name: "salesforce",
    title: "Salesforce",
    source: {
      url: "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_endpoints.htm",
      also: [
        "https://developer.salesforce.com/docs/platform/hosted-mcp-servers/guide/create-external-client-app.html",
        "https://github.com/cognizant-ai-lab/nsflow/pull/233", // Localhost.
      ],
      checked: CHECKED,
    },
    redirect: { host: "localhost", ports: [8456] }, // It compares the port; this one is ours.
    parameters: { domain: { brief: "My Domain of the organization, such as example.my.salesforce.com" } },
    mcp: { hosts: ["api.salesforce.com"] },
    api: {
      url: "https://{domain}",
      server: {
        authorizationEndpoint: "https://{domain}/services/oauth2/authorize",
        tokenEndpoint: "https://{domain}/services/oauth2/token",
        revocationEndpoint: "https://{domain}/services/oauth2/revoke",
        userinfoEndpoint: "https://{domain}/services/oauth2/userinfo",
      },
      scopes: ["api", "refresh_token"],
    },
    notes: [
      "Register an External Client App in Setup, with PKCE and the callback URL http://localhost:8456/callback, " +
      "or another port with --callback-port.",
      "For MCP servers, add the scopes mcp_api and refresh_token there, and JWT-based access tokens.",
    ],
  },
];
