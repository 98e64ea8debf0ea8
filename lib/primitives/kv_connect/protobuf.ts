/**
 * The wire format of Protocol Buffers, as far as KV Connect's messages need it: fields that are numbers or bytes, a
 * message being bytes itself.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 * @module
 */
import type { KvValue } from "../system/kv.ts";

/** One field of a message that was read. */
export interface Field {
  /** Its number in the message's definition. */
  readonly field: number;
  /** Bytes of a string, of bytes or of a message; else a number, exact up to 2^53. */
  readonly value: number | KvValue;
}

/** The wire types that occur. */
const VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5;

/**
 * A field that is a number, a truth value (0, 1) or an enumeration. Zero is what an absent field means.
 *
 * @param field Its number.
 * @param value A whole number that is not negative.
 */
export function numberField(field: number, value: number): KvValue {
  return value === 0 ? new Uint8Array() : joined(varint(field << 3 | VARINT), varint(value));
}

/**
 * A field that is bytes, or a message in its encoded form.
 *
 * @param field Its number.
 * @param bytes Its value; sent even where it is empty, as the presence of a message counts.
 */
export function bytesField(field: number, bytes: KvValue): KvValue {
  return joined(varint(field << 3 | BYTES), varint(bytes.length), bytes);
}

/** One after the other: fields make a message. */
export function joined(...parts: readonly KvValue[]): KvValue {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/**
 * Reads a message.
 *
 * @param message Its encoded form.
 * @returns Its fields in the order they were sent, those that nobody knows too.
 * @throws {RangeError} when it is cut off or is no message.
 */
export function readFields(message: KvValue): readonly Field[] {
  const fields: Field[] = [];
  let at = 0;
  const take = (length: number): KvValue => {
    if (length > message.length - at) throw new RangeError("The message is cut off");
    return message.subarray(at, at += length);
  };
  const takeVarint = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const byte = take(1)[0]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new RangeError("A number of the message is too long");
  };
  while (at < message.length) {
    const tag = takeVarint();
    const field = Math.floor(tag / 8);
    if (field === 0) throw new RangeError("A field of the message has no number");
    switch (tag % 8) {
      case VARINT:
        fields.push({ field, value: takeVarint() });
        break;
      case BYTES:
        fields.push({ field, value: take(takeVarint()) });
        break;
      case FIXED64:
        take(8);
        break;
      case FIXED32:
        take(4);
        break;
      default:
        throw new RangeError("A field of the message is of an unknown type");
    }
  }
  return fields;
}

/** All bytes fields of a number, in order. */
export function bytesOf(fields: readonly Field[], field: number): readonly KvValue[] {
  return fields.flatMap((each) => each.field === field && typeof each.value !== "number" ? [each.value] : []);
}

/** The number of a field, the last one sent; 0 where it is absent. */
export function numberOf(fields: readonly Field[], field: number): number {
  const found = fields.findLast((each) => each.field === field && typeof each.value === "number");
  return found === undefined ? 0 : Number(found.value);
}

function varint(value: number): KvValue {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 | 128);
  return new Uint8Array([...bytes, value]);
}
