/**
 * Just enough HTML to submit a sign-in page's form without a browser: the page's first form, its fields and its
 * buttons, those with a `form` attribute outside it included. It reads well-formed pages; it is no HTML parser.
 *
 * @module
 */

/** A button of a form. */
export interface Button {
  readonly name: string;
  readonly value: string;
  readonly label: string;
}

/** A form as a page shows it. */
export interface Form {
  /** Where it is sent, absolute. */
  readonly action: URL;
  /** `GET` or `POST`. */
  readonly method: "GET" | "POST";
  /** Name and present value of each field; hidden ones too. */
  readonly fields: Map<string, string>;
  /** The buttons that submit it. */
  readonly buttons: readonly Button[];
}

/**
 * Finds the first form of a page.
 *
 * @param html the page
 * @param base the page's URL
 * @returns the form, or `undefined` when the page has none
 */
export function firstForm(html: string, base: URL): Form | undefined {
  const found = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
  if (found === null) return undefined;
  const form = attributes(found[1] ?? "");
  const inside = found[2] ?? "";
  const fields = new Map<string, string>();
  for (const [, tag] of inside.matchAll(/<input\b([^>]*)>/gi)) {
    const { name, type, value, checked } = attributes(tag ?? "");
    const isChoice = type === "checkbox" || type === "radio";
    if (name === undefined || type === "submit" || (isChoice && checked === undefined)) continue;
    fields.set(name, value ?? (isChoice ? "on" : ""));
  }
  const outside = html.slice(0, found.index) + html.slice(found.index + found[0].length);
  const buttons = [
    ...buttonsOf(inside),
    ...buttonsOf(outside).filter((button) => form.id !== undefined && button.form === form.id),
  ];
  return {
    action: new URL(form.action || base.href, base),
    method: form.method?.toUpperCase() === "POST" ? "POST" : "GET",
    fields,
    buttons: buttons.map(({ name, value, label }) => ({ name, value, label })),
  };
}

function buttonsOf(html: string) {
  return [...html.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)].map(([, tag, content]) => {
    const { name = "", value = "", form } = attributes(tag ?? "");
    return { name, value, form, label: decode((content ?? "").replace(/<[^>]*>/g, "").trim()) };
  });
}

function attributes(tag: string): Record<string, string | undefined> {
  const found: Record<string, string | undefined> = {};
  for (
    const [, name, quoted, single, bare] of tag.matchAll(
      /([\w:-]+)(?:=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g,
    )
  ) {
    found[name!.toLowerCase()] = decode(quoted ?? single ?? bare ?? "");
  }
  return found;
}

function decode(text: string): string {
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (all, decimal, hex, name) => {
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    if (hex !== undefined) return String.fromCodePoint(parseInt(hex, 16));
    return named[name.toLowerCase()] ?? all;
  });
}
