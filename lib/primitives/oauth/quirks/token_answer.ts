/**
 * What token endpoints write that is nearly right, put right before the strict check: one step for each row of the table
 * that is about answers, in the order in which they build on each other.
 *
 * @see behaviours rows 7 and 24
 * @module
 */
import { readJson } from "../../http/body.ts";
import { isObject } from "../json.ts";
import type { QuirkName } from "./table.ts";

/** The members of a token answer. */
export type TokenBody = Readonly<Record<string, unknown>>;

/** One step; it returns what it got where it has nothing to put right. */
interface Step {
  readonly quirk: QuirkName;
  readonly mend: (body: TokenBody) => TokenBody;
}

/** What a token type may be that is none: what the token is for, or another word for the same. */
const BEARER_WORDS: ReadonlySet<string> = new Set(["bearertoken", "access_token", "user", "bot"]);

const STEPS: readonly Step[] = [
  {
    quirk: "nested-user-token",
    mend: (body) =>
      isObject(body.authed_user) && isAbsent(body.access_token) && !isAbsent(body.authed_user.access_token)
        ? { ...body, ...body.authed_user }
        : body,
  },
  {
    quirk: "null-members",
    mend: (body) => Object.fromEntries(Object.entries(body).filter(([, value]) => !isAbsent(value))),
  },
  {
    quirk: "ok-false",
    mend: (body) =>
      body.ok === false && typeof body.error !== "string" ? { ...body, error: "unknown" } : body,
  },
  {
    quirk: "odd-token-type",
    mend: (body) => {
      if (body.access_token === undefined) return body;
      const type = typeof body.token_type === "string" ? body.token_type.trim() : body.token_type;
      const isBearer = type === undefined || type === "" ||
        (typeof type === "string" && BEARER_WORDS.has(type.toLowerCase()));
      return { ...body, token_type: isBearer ? "Bearer" : type };
    },
  },
  {
    quirk: "odd-expires-in",
    mend: ({ expires_in, ...rest }) => {
      const seconds = Number(expires_in);
      // A life past the year 9999 is no time that can be written down; it counts as unknown, like 0 and "soon".
      return seconds > 0 && seconds * 1000 < Date.UTC(9999) ? { ...rest, expires_in: seconds } : rest;
    },
  },
  {
    quirk: "scope-list",
    mend: (body) => {
      if (Array.isArray(body.scope)) {
        const { scope, ...rest } = body;
        return body.scope.length === 0 ? rest : { ...rest, scope: (scope as unknown[]).join(" ") };
      }
      const isList = typeof body.scope === "string" && /^[^\s,]+(,[^\s,]+)+$/.test(body.scope);
      return isList ? { ...body, scope: String(body.scope).replaceAll(",", " ") } : body;
    },
  },
];

/**
 * The members of a token answer, put right; quirk `form-encoded-answer` besides those of the steps.
 *
 * @param response Its body is consumed.
 * @returns Undefined where it is no object.
 */
export async function readTokenBody(response: Response): Promise<TokenBody | undefined> {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(response.headers.get("content-type") ?? "");
  const json = isForm
    ? Object.fromEntries(new URLSearchParams(await response.text()))
    : await readJson(response);
  return isObject(json) ? STEPS.reduce<TokenBody>((body, { mend }) => mend(body), json) : undefined;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}
