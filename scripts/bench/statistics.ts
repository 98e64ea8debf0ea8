/**
 * The two numbers that a list of measurements is reduced to.
 *
 * @module
 */

/**
 * The value that a share of the measurements does not exceed, by the nearest-rank method.
 *
 * @param values At least one; in any order.
 * @param share From 0 to 1: 0.5 is the median, 0.99 the 99th percentile.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** The middle of the measurements. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
