/**
 * What a server asks of a person while it works on a call: a form, as prompts with the defaults and the checks of its
 * schema, or a page to visit, which is shown and never opened. The library of the prompts is loaded when something is
 * asked. Whoever does not want to answer says so; Ctrl-C ends the call.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { SHOWN_URL_MAX_CHARS } from "../../../../primitives/limits.ts";
import { isObject } from "../../../../primitives/oauth/json.ts";
import { safeText } from "../../../../primitives/untrusted_text.ts";

/** The answer to `elicitation/create`. */
export interface ElicitationResult extends Readonly<Record<string, unknown>> {
  readonly action: "accept" | "decline";
  readonly content?: Readonly<Record<string, unknown>>;
}

type Schema = Readonly<Record<string, unknown>>;
type Prompts = typeof import("@clack/prompts");
type Stream = ReturnType<typeof import("../../../../primitives/system/error_stream.ts").errorStream>;

/** What every prompt is given. */
interface Desk {
  readonly prompts: Prompts;
  readonly common: { readonly output: Stream; readonly signal: AbortSignal };
}

/**
 * Asks.
 *
 * @param entry The name of the entry, which the person knows.
 * @param params The parameters of `elicitation/create`, unchecked.
 * @param signal Takes the question back.
 * @throws {McpAuthError} `AUTH_CANCELLED` for Ctrl-C; `SERVER_ERROR` for a question that cannot be asked.
 */
export async function askPerson(
  entry: string,
  params: Schema,
  signal: AbortSignal,
): Promise<ElicitationResult> {
  const prompts = await import("@clack/prompts");
  const { errorStream } = await import("../../../../primitives/system/error_stream.ts");
  const desk: Desk = { prompts, common: { output: errorStream(), signal } };
  return params.mode === "url" ? await askToVisit(desk, entry, params) : await askForm(desk, entry, params);
}

async function askToVisit(desk: Desk, entry: string, params: Schema): Promise<ElicitationResult> {
  const url = typeof params.url === "string" ? URL.parse(params.url) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.href.length > SHOWN_URL_MAX_CHARS) {
    throw new McpAuthError(
      "SERVER_ERROR",
      `Cannot show the page that "${entry}" wants visited: it is no web page`,
    );
  }
  // Whole, since it is to be opened; a parsed URL has no character that steers a terminal.
  desk.prompts.note(
    `${words(params.message)}\n\nIt is a page of ${url.host}:\n${url.href}`,
    `The server of "${entry}" wants you to visit a page`,
    desk.common,
  );
  const done = await choose(desk, "Open it in your browser if you trust it, and come back", [
    { value: true, label: "I have been there" },
    { value: false, label: "Decline" },
  ]);
  return { action: done ? "accept" : "decline" };
}

async function askForm(desk: Desk, entry: string, params: Schema): Promise<ElicitationResult> {
  const schema = isObject(params.requestedSchema) ? params.requestedSchema : {};
  const properties = isObject(schema.properties) ? Object.entries(schema.properties) : [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  desk.prompts.note(
    `${words(params.message)}\n\nDo not give it passwords, tokens or other secrets.`,
    `The server of "${entry}" asks`,
    desk.common,
  );
  const willing = await choose(desk, "Do you want to answer?", [
    { value: true, label: "Answer" },
    { value: false, label: "Decline" },
  ]);
  if (!willing) return { action: "decline" };
  const content: [string, unknown][] = [];
  for (const [name, property] of properties) {
    const value = await askField(desk, name, isObject(property) ? property : {}, required.includes(name));
    if (value !== undefined) content.push([name, value]);
  }
  return { action: "accept", content: Object.fromEntries(content) };
}

async function askField(desk: Desk, name: string, schema: Schema, required: boolean): Promise<unknown> {
  const title = safeText(schema.title ?? name, 120) || safeText(name, 120);
  const description = typeof schema.description === "string" ? `: ${safeText(schema.description)}` : "";
  const message = `${title}${description}${required ? "" : " (optional)"}`;
  const { default: fallback } = schema;
  if (schema.type === "array") return await askSeveral(desk, message, schema, required);
  const options = optionsOf(schema);
  if (options !== undefined) {
    const leaveOut = required ? [] : [{ value: undefined, label: "(leave it out)" }];
    return await choose(desk, message, [...options, ...leaveOut], fallback);
  }
  if (schema.type === "boolean") {
    return await choose(
      desk,
      message,
      [
        { value: true, label: "Yes" },
        { value: false, label: "No" },
        ...(required ? [] : [{ value: undefined, label: "(leave it out)" }]),
      ],
      fallback,
    );
  }
  const typed = await desk.prompts.text({
    message,
    ...(fallback === undefined ? {} : { initialValue: safeText(fallback, 1_000) }),
    validate: (text) => complaint(text ?? "", schema, required),
    ...desk.common,
  });
  const text = answered(desk, typed) ?? "";
  if (text === "" && !required) return undefined;
  return isNumeric(schema) ? Number(text) : text;
}

async function askSeveral(desk: Desk, message: string, schema: Schema, required: boolean): Promise<unknown> {
  const options = optionsOf(isObject(schema.items) ? schema.items : {}) ?? [];
  const { default: fallback, minItems, maxItems } = schema;
  for (;;) {
    const chosen = answered(
      desk,
      await desk.prompts.multiselect<unknown>({
        message,
        options: [...options],
        initialValues: Array.isArray(fallback) ? fallback : [],
        required: required && Number(minItems) > 0,
        ...desk.common,
      }),
    );
    const count = chosen.length;
    if (count === 0 && !required) return undefined;
    if (typeof minItems === "number" && count < minItems) {
      desk.prompts.log.warn(`Choose at least ${minItems}`, desk.common);
    } else if (typeof maxItems === "number" && count > maxItems) {
      desk.prompts.log.warn(`Choose at most ${maxItems}`, desk.common);
    } else return chosen;
  }
}

/** What can be chosen: `oneOf` or `anyOf` with titles, or `enum`, perhaps with `enumNames`; undefined for free text. */
function optionsOf(schema: Schema): readonly { value: unknown; label: string }[] | undefined {
  const titled = [schema.oneOf, schema.anyOf].find((each) => Array.isArray(each)) as unknown[] | undefined;
  if (titled !== undefined) {
    return titled.flatMap((each) =>
      isObject(each) && "const" in each
        ? [{ value: each.const, label: safeText(each.title ?? each.const, 120) }]
        : []
    );
  }
  if (!Array.isArray(schema.enum)) return undefined;
  const names = Array.isArray(schema.enumNames) ? schema.enumNames : [];
  return schema.enum.map((value: unknown, index) => ({ value, label: safeText(names[index] ?? value, 120) }));
}

/** What is wrong with a text; undefined for nothing. The server checks it again, its pattern too. */
function complaint(text: string, schema: Schema, required: boolean): string | undefined {
  if (text === "") return required && schema.minLength !== 0 ? "It is needed" : undefined;
  if (isNumeric(schema)) {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value)) return "Type a number";
    if (schema.type === "integer" && !Number.isSafeInteger(value)) return "Type a whole number";
    if (typeof schema.minimum === "number" && value < schema.minimum) return `At least ${schema.minimum}`;
    if (typeof schema.maximum === "number" && value > schema.maximum) return `At most ${schema.maximum}`;
    return undefined;
  }
  const length = [...text].length;
  if (typeof schema.minLength === "number" && length < schema.minLength) {
    return `At least ${schema.minLength} characters`;
  }
  if (typeof schema.maxLength === "number" && length > schema.maxLength) {
    return `At most ${schema.maxLength} characters`;
  }
  const format = typeof schema.format === "string" ? FORMATS.get(schema.format) : undefined;
  return format === undefined || format.holds(text) ? undefined : format.says;
}

const FORMATS: ReadonlyMap<string, { readonly holds: (text: string) => boolean; readonly says: string }> =
  new Map([
    ["email", { holds: (text) => /^[^\s@]+@[^\s@]+$/.test(text), says: "Type an email address" }],
    ["uri", { holds: (text) => URL.canParse(text), says: "Type an address such as https://example.com/" }],
    [
      "date",
      {
        holds: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
        says: "Type a date such as 2026-01-31",
      },
    ],
    [
      "date-time",
      {
        holds: (text) => /^\d{4}-\d\d-\d\d[Tt ]/.test(text) && !Number.isNaN(Date.parse(text)),
        says: "Type a time such as 2026-01-31T12:00:00Z",
      },
    ],
  ]);

function isNumeric({ type }: Schema): boolean {
  return type === "number" || type === "integer";
}

async function choose<T>(
  desk: Desk,
  message: string,
  options: readonly { value: T; label: string }[],
  initial?: unknown,
): Promise<T> {
  // The library wants values that it can compare, and undefined is none.
  const at = options.findIndex(({ value }) => value === initial);
  const chosen = await desk.prompts.select({
    message,
    options: options.map(({ label }, value) => ({ value, label })),
    initialValue: at === -1 || initial === undefined ? 0 : at,
    ...desk.common,
  });
  return options[answered(desk, chosen)]!.value;
}

function answered<T>({ prompts }: Desk, typed: T): Exclude<T, symbol> {
  if (prompts.isCancel(typed)) throw new McpAuthError("AUTH_CANCELLED", "Cancelled");
  return typed as Exclude<T, symbol>;
}

/** A message of the server's, its line breaks kept. */
function words(text: unknown): string {
  const lines = typeof text === "string" ? text.split(/\r\n?|\n/).slice(0, LINES_MAX) : [];
  return lines.map((line) => safeText(line)).join("\n");
}

const LINES_MAX = 20;
