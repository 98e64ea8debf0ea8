/**
 * Which tools of a server a host gets to see, by patterns of their names: those that are allowed, where any are named,
 * without those that are ignored.
 *
 * @module
 */

/** A choice of tools. Patterns are whole names in which `*` stands for anything and `?` for one character. */
export interface ToolChoice {
  /** Only tools that match one of these; all when left out. */
  readonly allow?: readonly string[] | undefined;
  /** No tools that match one of these, whatever is allowed. */
  readonly ignore?: readonly string[] | undefined;
}

/** Tells by its name whether a tool is among those chosen. */
export function isChosen({ allow, ignore }: ToolChoice, name: string): boolean {
  if (ignore?.some((pattern) => matchesGlob(pattern, name))) return false;
  return allow === undefined || allow.some((pattern) => matchesGlob(pattern, name));
}

/**
 * Matches a name, in a time that grows with the product of both lengths and no faster: patterns are short, but names
 * come from servers.
 *
 * @param pattern `*` and `?` are special, everything else is itself; upper and lower case differ.
 */
export function matchesGlob(pattern: string, name: string): boolean {
  const wanted = [...pattern];
  const given = [...name];
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < given.length;) {
    if (at < wanted.length && wanted[at] === "*") {
      star = at++;
      resume = i;
    } else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === given[i])) {
      at++;
      i++;
    } else if (star !== -1) {
      at = star + 1;
      i = ++resume;
    } else return false;
  }
  while (wanted[at] === "*") at++;
  return at === wanted.length;
}
