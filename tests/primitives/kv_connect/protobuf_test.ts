/**
 * The wire format: fields come back as they were, and bytes that are no message are refused, never read past their end.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  bytesField,
  bytesOf,
  joined,
  numberField,
  numberOf,
  readFields,
} from "../../../lib/primitives/kv_connect/protobuf.ts";
import { decodeReadAnswer, decodeWriteAnswer } from "../../../lib/primitives/kv_connect/datapath.ts";

Deno.test("the examples of the format's own documentation", () => {
  equal(numberField(1, 150).toHex(), "089601");
  equal(bytesField(2, new TextEncoder().encode("testing")).toHex(), "120774657374696e67");
});

Deno.test("numbers and bytes come back as they were, the last number of a field and all its bytes", () => {
  const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  fc.assert(fc.property(number, number, fc.uint8Array(), fc.uint8Array(), (a, b, c, d) => {
    const [first, second] = [new Uint8Array(c), new Uint8Array(d)];
    const fields = readFields(
      joined(numberField(8, a), bytesField(3, first), numberField(8, b), bytesField(3, second)),
    );
    equal(numberOf(fields, 8), b);
    deepEqual(bytesOf(fields, 3), [first, second]);
    deepEqual([numberOf(fields, 9), bytesOf(fields, 9)], [0, []]);
  }));
});

Deno.test("fields of fixed length are passed over", () => {
  const message = Uint8Array.fromHex("09" + "00".repeat(8) + "15" + "00".repeat(4) + "1801");
  deepEqual(readFields(message), [{ field: 3, value: 1 }]);
});

for (
  const [what, hex] of [
    ["bytes longer than the message", "0a05aa"],
    ["a number that does not end", "08ffffffffffffffffffffff01"],
    ["a number that is cut off", "08ff"],
    ["a fixed field that is cut off", "0900"],
    ["a field without a number", "0000"],
    ["a group", "0b"],
  ] as const
) {
  Deno.test(`a message with ${what} is refused`, () => {
    throws(() => readFields(Uint8Array.fromHex(hex)), RangeError);
  });
}

Deno.test("any bytes at all are an answer or a RangeError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    for (
      const decode of [decodeWriteAnswer, (body: typeof bytes) => decodeReadAnswer(new Uint8Array(body), 3)]
    ) {
      try {
        decode(new Uint8Array(bytes));
      } catch (error) {
        equal((error as Error).constructor, RangeError);
      }
    }
  }));
});
