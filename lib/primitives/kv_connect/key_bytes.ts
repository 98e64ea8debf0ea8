/**
 * Keys as Deno KV sends and orders them: each part a tag and its bytes, so that the bytes of two keys compare as the
 * keys do. Only strings and numbers, the parts that a {@linkcode KvKey} has.
 *
 * @see https://github.com/denoland/denokv/blob/main/proto/codec.rs
 * @module
 */
import type { KvKey, KvValue } from "../system/kv.ts";
import { joined } from "./protobuf.ts";

const STRING = 0x02, DOUBLE = 0x21, END = 0x00, ESCAPE = 0xff;

/** A stretch of keys, the first one included, the last one not. */
export interface KeyRange {
  readonly start: KvValue;
  readonly end: KvValue;
}

/** The bytes of a key. */
export function encodeKey(key: KvKey): KvValue {
  return joined(...key.map((part) => typeof part === "string" ? encodeString(part) : encodeNumber(part)));
}

/**
 * Reads the bytes of a key.
 *
 * @returns Undefined when a part is neither string nor number, as keys of other programs may be.
 */
export function decodeKey(bytes: KvValue): KvKey | undefined {
  const key: (string | number)[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++];
    if (tag === DOUBLE && at + 8 <= bytes.length) {
      key.push(decodeNumber(bytes.slice(at, at += 8)));
    } else if (tag === STRING) {
      const text: number[] = [];
      for (; bytes[at] !== END || bytes[at + 1] === ESCAPE; at++) {
        if (at >= bytes.length) return undefined;
        text.push(bytes[at]!);
        if (bytes[at] === END) at++;
      }
      at++;
      key.push(new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(text)));
    } else return undefined;
  }
  return key;
}

/** The stretch that holds this key and no other. */
export function rangeOfKey(key: KvKey): KeyRange {
  const start = encodeKey(key);
  return { start, end: after(start) };
}

/** The stretch of all keys that begin with a prefix and are longer. */
export function rangeBelow(prefix: KvKey): KeyRange {
  const bytes = encodeKey(prefix);
  return { start: after(bytes), end: joined(bytes, new Uint8Array([0xff])) };
}

/** The first key after one. */
export function after(key: KvValue): KvValue {
  return joined(key, new Uint8Array([0]));
}

/** A zero byte would end the text: it is escaped. */
function encodeString(text: string): KvValue {
  const bytes = [...new TextEncoder().encode(text)];
  return new Uint8Array([STRING, ...bytes.flatMap((byte) => byte === END ? [END, ESCAPE] : [byte]), END]);
}

/** Big-endian, its sign turned round, and a negative one wholly: then bytes compare as numbers do. */
function encodeNumber(value: number): KvValue {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  turn(view, view.getUint8(0) >= 128);
  return joined(new Uint8Array([DOUBLE]), new Uint8Array(view.buffer));
}

function decodeNumber(bytes: KvValue): number {
  const view = new DataView(bytes.buffer);
  turn(view, view.getUint8(0) < 128);
  return view.getFloat64(0);
}

function turn(view: DataView, wholly: boolean): void {
  if (wholly) view.setBigUint64(0, ~view.getBigUint64(0));
  else view.setUint8(0, view.getUint8(0) ^ 128);
}
