/**
 * What the authorization server knows: which tokens it issued for which, and which it still takes. It is the oracle of
 * the torture: the product may say what it likes, a refresh token is spent when the server says so.
 *
 * @module
 */
import type { AuthorizationServer } from "../demo/servers/authorization_server.ts";
import type { Recorded } from "../demo/servers/recorded.ts";
import type { Secret, SecretKind } from "./secrets.ts";

/** One refresh request as the server saw it. */
export interface RefreshRequest {
  /** When it had arrived, in ms since the epoch. */
  readonly at: number;
  /** The refresh token that was presented. */
  readonly presented: string;
  /** The HTTP status of the answer; undefined where none was sent. */
  readonly status: number | undefined;
  /** What the server issued for it, whether or not the client got to know. */
  readonly issued: { readonly access: string; readonly refresh: string | undefined } | undefined;
  /** The error that the server answered with. */
  readonly error: string | undefined;
}

/** The answers that hold secrets, and what kind they are. */
const IN_ANSWERS: Readonly<Record<string, SecretKind>> = {
  access_token: "access token",
  refresh_token: "refresh token",
  id_token: "ID token",
  client_secret: "client secret",
  registration_access_token: "registration token",
};

/** The form fields that hold secrets. */
const IN_FORMS: Readonly<Record<string, SecretKind>> = {
  code: "code",
  code_verifier: "PKCE verifier",
  client_secret: "client secret",
};

/** Reads the log of one authorization server. */
export class Ledger {
  readonly #as: AuthorizationServer;
  readonly #secrets: Secret[] = [];
  readonly #seen = new Set<string>();
  #read = 0;

  constructor(as: AuthorizationServer) {
    this.#as = as;
  }

  /** How many requests the server has had: a mark to count from. */
  get length(): number {
    return this.#as.log.length;
  }

  /** The refresh requests since a mark, in the order of arrival. */
  refreshes(since = 0): readonly RefreshRequest[] {
    return this.#as.log.slice(since).flatMap((request) => {
      const refresh = refreshOf(request);
      return request.path === this.#as.paths.token && refresh !== undefined ? [refresh] : [];
    });
  }

  /** The refresh token of the last sign-in since a mark. */
  signedIn(since: number): string | undefined {
    const token = this.#as.log.slice(since).findLast(({ path, form, answer }) =>
      path === this.#as.paths.token && form.get("grant_type") === "authorization_code" &&
      answer?.refresh_token !== undefined
    )?.answer?.refresh_token;
    return typeof token === "string" ? token : undefined;
  }

  /** What a refresh token was exchanged for; undefined as long as it was not. */
  successor(refreshToken: string): RefreshRequest["issued"] {
    return this.refreshes().find(({ presented, issued }) => presented === refreshToken && issued)?.issued;
  }

  /** Whether the server takes a token still (RFC 7662). */
  async isAlive(token: string): Promise<boolean> {
    const { url, clientId, clientSecret, authMethod } = this.#as.introspection;
    const isBasic = authMethod === "client_secret_basic";
    const response = await fetch(url, {
      method: "POST",
      headers: isBasic ? { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` } : {},
      body: new URLSearchParams({
        token,
        ...isBasic ? {} : { client_id: clientId, client_secret: clientSecret },
      }),
    });
    return (await response.json()).active === true;
  }

  /** Every secret that was issued or presented so far. */
  secrets(): readonly Secret[] {
    const { log } = this.#as;
    let isDone = true;
    for (let at = this.#read; at < log.length; at++) {
      this.#collect(log[at]!);
      // An answer that is still to come is looked for the next time.
      isDone &&= log[at]!.status !== undefined;
      if (isDone) this.#read = at + 1;
    }
    return this.#secrets;
  }

  /** The last requests, one line each, secrets as their first characters. */
  tail(lines = 20): readonly string[] {
    return this.#as.log.slice(-lines).map((request) => {
      const { at, method, path, status, faulted, answer } = request;
      const refresh = refreshOf(request);
      const what = refresh === undefined
        ? ""
        : ` presented ${shown(refresh.presented)} issued ${shown(refresh.issued?.refresh)}`;
      return `${new Date(at).toISOString()} ${method} ${path} ${status ?? "no answer"}${
        faulted ? " (fault)" : ""
      }${answer?.error === undefined ? "" : ` ${answer.error}`}${what}`;
    });
  }

  #collect({ form, query, headers, answer, location, path }: Recorded): void {
    for (const [field, kind] of Object.entries(IN_ANSWERS)) this.#keep(kind, answer?.[field]);
    for (const [field, kind] of Object.entries(IN_FORMS)) this.#keep(kind, form.get(field));
    this.#keep("refresh token", form.get("refresh_token"));
    this.#keep("state", query.get("state"));
    this.#keep("registration token", path.startsWith(this.#as.paths.registration) ? bearer(headers) : null);
    const back = location === undefined ? null : URL.parse(location);
    this.#keep("code", back?.searchParams.get("code"));
  }

  #keep(kind: SecretKind, value: unknown): void {
    if (typeof value !== "string" || value === "" || this.#seen.has(`${kind} ${value}`)) return;
    this.#seen.add(`${kind} ${value}`);
    this.#secrets.push({ kind, value });
  }
}

/** Reads a refresh request off a record; undefined for any other request. */
export function refreshOf({ at, method, form, status, answer }: Recorded): RefreshRequest | undefined {
  const presented = form.get("refresh_token");
  if (method !== "POST" || form.get("grant_type") !== "refresh_token" || presented === null) return undefined;
  const access = answer?.access_token;
  const refresh = answer?.refresh_token;
  return {
    at,
    presented,
    status,
    issued: typeof access === "string"
      ? { access, refresh: typeof refresh === "string" ? refresh : undefined }
      : undefined,
    error: typeof answer?.error === "string" ? answer.error : undefined,
  };
}

/** The first characters of a secret, for people. */
export function shown(secret: string | undefined | null): string {
  return secret === undefined || secret === null ? "-" : `${secret.slice(0, 6)}...`;
}

function bearer(headers: Headers): string | null {
  return /^Bearer (.+)$/i.exec(headers.get("authorization") ?? "")?.[1] ?? null;
}
