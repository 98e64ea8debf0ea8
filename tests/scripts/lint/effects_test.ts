import assert from "node:assert/strict";
import { objections, testRule } from "./linting.ts";

const FILE = "lib/services/tokens/refresh.ts";
const DENO = /uses "Deno" as a value/;
const PROCESS = /uses "process" as a value/;

testRule("effects", [
  [FILE, `export const a = () => Deno.env.get("HOME");`, DENO],
  [FILE, `export const a = () => Deno["env"];`, DENO],
  [FILE, `export const a = () => { const { env } = Deno; return env; };`, DENO],
  [FILE, `export const a = () => ({ Deno });`, DENO],
  [FILE, `export const a = (b: unknown) => b instanceof Deno.errors.NotFound;`, DENO],
  [FILE, `export const a = () => typeof Deno;`, DENO],
  [FILE, `export const a = (run: (d: unknown) => void) => run(Deno);`, DENO],
  [FILE, `export const a = () => Deno as unknown;`, DENO],
  [FILE, `export class A { b = Deno.pid; }`, DENO],
  [FILE, `export const a = (b = Deno.pid) => b;`, DENO],
  [FILE, `export const a = () => globalThis.Deno.pid;`, /"globalThis\.Deno"/],
  [FILE, `export const a = () => globalThis["process"].pid;`, /"globalThis\.process"/],
  [FILE, `export const a = () => (globalThis as { Deno?: unknown }).Deno;`, /"globalThis\.Deno"/],
  [FILE, `export const a = () => process.env;`, PROCESS],
  [FILE, `export const a = () => Buffer.from("a");`, /uses "Buffer" as a value/],
  [FILE, `import process from "node:process"; export const a = process.pid;`, /values of "node:process"/],
  [FILE, `import { type A, b } from "node:fs";`, /values of "node:fs"/],
  [FILE, `import "node:fs";`, /values of "node:fs"/],
  [FILE, `export { readFileSync } from "node:fs";`, /values of "node:fs"/],
  [FILE, `export const a = () => import("node:dns/promises");`, /values of "node:dns\/promises"/],
  ["lib/interfaces/cli/run.ts", `export const a = () => Deno.exit(1);`, DENO],
  ["lib/primitives/http/fetch.ts", `export const a = () => Deno.createHttpClient({});`, DENO],
  ["lib/primitives/systems.ts", `export const a = () => Deno.pid;`, DENO],
  ["lib/mod.ts", `export const a = () => Deno.pid;`, DENO],

  // Types are free.
  [FILE, `export const a = (kv: Deno.Kv) => kv.close();`, null],
  [FILE, `export type A = typeof Deno.openKv;`, null],
  [FILE, `export interface A { readonly b: Deno.KvKey; process(Deno: string): void }`, null],
  [FILE, `import type { Stats } from "node:fs"; export type A = Stats;`, null],
  [FILE, `import { type Stats } from "node:fs"; export type A = Stats;`, null],
  [FILE, `export type A = import("node:fs").Stats;`, null],

  // A word is not the global.
  [FILE, `export const a = { Deno: 1, process: 2 };`, null],
  [FILE, `export const a = (b: { process: number }) => b.process;`, null],
  [FILE, `export const a = (process: { pid: number }) => process.pid;`, null],
  [FILE, `export const a = ({ process }: { process: { pid: number } }) => process.pid;`, null],
  [FILE, `export const a = ({ process = 1 }: { process?: number }) => process;`, null],
  [FILE, `export function a(b: { process: number }) { const { process } = b; return process; }`, null],
  [FILE, `import { process } from "./stream.ts"; export const a = process();`, null],
  [FILE, `export function process() { return process; }`, null],
  [FILE, `export class A { constructor(readonly process: number) { this.process = process; } }`, null],
  [FILE, `export const a = "Deno.env"; // Deno.env`, null],
  [FILE, `export const a = () => globalThis.crypto;`, null],
  [FILE, `export const a = () => globalThis.fetch("https://example.com/");`, null],
  // A parameter hides the global in its own function alone.
  [FILE, `export const a = (process: number) => process; export const b = () => process;`, PROCESS],

  // Where effects belong.
  ["lib/primitives/system/kv.ts", `export const a = () => Deno.openKv();`, null],
  ["lib/primitives/system/keychain/linux.ts", `import { lookup } from "node:dns/promises"; lookup;`, null],
  ["main.ts", `Deno.exitCode = Deno.args.length;`, null],
  ["scripts/compile.ts", `console.log(Deno.args);`, null],
  ["tests/main_test.ts", `console.log(Deno.args);`, null],
]);

Deno.test("effects reports each use where it stands", () => {
  const source = `export const a = () => [Deno.pid, Deno.ppid];`;
  const ranges = objections("effects", FILE, source).map((each) => each.range);
  assert.deepEqual(ranges, [[24, 28], [34, 38]]);
});
