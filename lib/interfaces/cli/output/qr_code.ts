/**
 * A QR code in a terminal, two modules to a character. The library is loaded when one is drawn, never before.
 *
 * @module
 */

/** Modules of light around the code; scanners want some, and four would be wider than most terminals have room for. */
const QUIET = 2;

/**
 * Draws a text as a QR code.
 *
 * @param text What is scanned.
 * @param columns How many columns there are.
 * @param colours Whether the terminal shows colours: then it is dark on light on any terminal; without them light modules
 *   are drawn, which is right on a dark terminal.
 * @returns Its lines; undefined where it does not fit.
 */
export async function qrCode(
  text: string,
  columns: number,
  colours: boolean,
): Promise<readonly string[] | undefined> {
  const { encode } = await import("uqr");
  let modules: readonly (readonly boolean[])[];
  try {
    modules = encode(text, { ecc: "L", border: QUIET }).data;
  } catch {
    return undefined; // Longer than any code holds.
  }
  const size = modules.length;
  if (size > columns) return undefined;
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    let line = "";
    for (let column = 0; column < size; column++) {
      // Below the last row there is nothing: as light as the border.
      const upper = modules[row]?.[column] === true;
      const lower = modules[row + 1]?.[column] === true;
      line += colours ? block(upper, lower) : block(!upper, !lower);
    }
    lines.push(colours ? `\x1b[30;107m${line}\x1b[0m` : line);
  }
  return lines;
}

function block(upper: boolean, lower: boolean): string {
  if (upper) return lower ? "█" : "▀";
  return lower ? "▄" : " ";
}
