/**
 * No bridge outlives its host: the parent is killed at moments from the first milliseconds of the bridge to the midst of
 * its work.
 *
 * @see behaviours row 38
 * @module
 */
import { abandonAll, type Moment, startHangingServer } from "./abandoned.ts";
import { asPackage, FROM_CHECKOUT, Home } from "./program.ts";

const MOMENTS: readonly Moment[] = [
  ...[0, 10, 20, 35, 50, 75, 110, 160, 250],
  ...Array.from({ length: 11 }, () => "answered" as const),
];

Deno.test("row 38: after 100 kill -9 of the parent no bridge and no zombie is left, plain and restarted", async () => {
  await using server = await startHangingServer();
  await using home = await Home.make();
  const restarting = await asPackage(home, ["-A"]);
  const moments = Array.from({ length: 100 }, (_, index) => MOMENTS[index % MOMENTS.length]!);
  const commandOf = (index: number) => index % 2 === 0 ? FROM_CHECKOUT : restarting;
  await abandonAll(home, server.url, commandOf, moments);
});
