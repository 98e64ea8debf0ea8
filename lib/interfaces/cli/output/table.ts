/**
 * A plain table: columns padded with blanks, so that it reads well and is easy to cut.
 *
 * @module
 */

/**
 * Lays out rows.
 *
 * @param rows The first is the heading; cells hold no line breaks.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0))
  );
  return rows
    .map((row) =>
      row.map((cell, column) => column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)).join(
        "  ",
      )
    )
    .join("\n");
}
