/**
 * Where a file stands in the repository. Rules see paths relative to the checkout that holds this plugin, with forward
 * slashes, so that they say the same in every clone and on every platform; a file elsewhere has no place and no rule
 * applies to it.
 *
 * @module
 */
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the checkout: the one that holds `main.ts`, `lib/` and `scripts/`. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The path below {@linkcode ROOT} with forward slashes, or undefined when it is not below. */
function below(path: string): string | undefined {
  const place = relative(ROOT, resolve(path)).replaceAll("\\", "/");
  return place === "" || /^(\.\.(\/|$)|[a-z]:|\/)/i.test(place) ? undefined : place;
}

/**
 * The place of a linted file, such as `lib/services/tokens/mod.ts`.
 *
 * @param filename What `context.filename` says: an absolute path.
 * @returns undefined for a file outside the checkout.
 */
export function placeOf(filename: string): string | undefined {
  return below(filename);
}

/**
 * The place that a relative specifier means.
 *
 * @param filename The absolute path of the importing file.
 * @param specifier Starts with `.`.
 * @returns undefined when it leads out of the checkout.
 */
export function placeOfImport(filename: string, specifier: string): string | undefined {
  return below(join(dirname(filename), specifier));
}

/**
 * Whether a place is in the product's library.
 *
 * @param place As {@linkcode placeOf} gives it.
 */
export function inLib(place: string | undefined): place is string {
  return place?.startsWith("lib/") ?? false;
}
