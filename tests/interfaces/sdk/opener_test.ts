/** The page that a program which embeds the library opens. */
import { equal } from "node:assert/strict";
import { Opener } from "../../../lib/interfaces/sdk/opener.ts";

/** An opener whose pages fail when told to. */
function failingPages() {
  const fail: (() => void)[] = [];
  const opener = new Opener(
    () => new Promise((_resolve, reject) => fail.push(() => reject(new Error("no browser")))),
    undefined,
  );
  return { opener, fail, settle: () => new Promise((resolve) => setTimeout(resolve)) };
}

Deno.test("a page that fails ends the sign-in, unless its answer came first", async () => {
  const { opener, fail, settle } = failingPages();
  await opener.open?.("https://a.example/1");
  opener.tell({ kind: "received" });
  fail[0]?.();
  await settle();
  equal(opener.failed.aborted, false);
  await opener.open?.("https://a.example/2");
  fail[1]?.();
  await settle();
  equal(opener.failed.aborted, true);
});

Deno.test("a first page that fails late does not end what a second one was opened for", async () => {
  const { opener, fail, settle } = failingPages();
  await opener.open?.("https://a.example/1");
  opener.tell({ kind: "received" });
  await opener.open?.("https://a.example/2");
  fail[0]?.();
  await settle();
  equal(opener.failed.aborted, false);
});
