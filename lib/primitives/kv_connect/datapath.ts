/**
 * The messages of KV Connect's data path: a read of some stretches of keys, an atomic write, and their answers.
 *
 * @see https://github.com/denoland/denokv/blob/main/proto/schema/datapath.proto
 * @module
 */
import type { KvValue } from "../system/kv.ts";
import type { KeyRange } from "./key_bytes.ts";
import { bytesField, bytesOf, joined, numberField, numberOf, readFields } from "./protobuf.ts";

/** A record as it travels. */
export interface WireEntry {
  readonly key: KvValue;
  /** Undefined where its kind is not bytes: another program wrote it. */
  readonly value: KvValue | undefined;
  /** 20 hexadecimal digits. */
  readonly version: string;
}

/** The answer to a read. */
export interface ReadAnswer {
  /** What each stretch holds, in the order they were asked for. */
  readonly ranges: readonly (readonly WireEntry[])[];
  /** Whether the server could read, and has seen all writes. */
  readonly usable: boolean;
}

/** What an atomic write came to. `disabled`: this server cannot write now. */
export type WriteAnswer =
  | { readonly outcome: "written"; readonly version: string }
  | { readonly outcome: "check-failed" | "disabled" | "failed" };

/** What to check, write and delete, with the bytes of keys. */
export interface Write {
  /** A null version: nothing may be stored there. */
  readonly checks: readonly { readonly key: KvValue; readonly version: string | null }[];
  readonly sets: readonly { readonly key: KvValue; readonly value: KvValue }[];
  readonly deletes: readonly KvValue[];
}

/** `ValueEncoding`, `MutationType`, `SnapshotReadStatus` and `AtomicWriteStatus` of the schema. */
const VE_BYTES = 3, M_SET = 1, M_DELETE = 2, SR_UNSPECIFIED = 0, SR_SUCCESS = 1;
const AW_SUCCESS = 1, AW_CHECK_FAILURE = 2, AW_WRITE_DISABLED = 5;

const VERSION_BYTES = 10;

/** Encodes a `SnapshotRead`; of each stretch at most `limit` records are read. */
export function encodeRead(ranges: readonly KeyRange[], limit: number): KvValue {
  return joined(
    ...ranges.map(({ start, end }) =>
      bytesField(1, joined(bytesField(1, start), bytesField(2, end), numberField(3, limit)))
    ),
  );
}

/**
 * Decodes a `SnapshotReadOutput`.
 *
 * @param protocol The version of the protocol: from 3 on a status says whether the server could read.
 * @throws {RangeError} when it is none.
 */
export function decodeReadAnswer(message: KvValue, protocol: number): ReadAnswer {
  const fields = readFields(message);
  const status = numberOf(fields, 8);
  const read = protocol >= 3 ? status === SR_SUCCESS : status === SR_UNSPECIFIED || status === SR_SUCCESS;
  return {
    ranges: bytesOf(fields, 1).map((range) => bytesOf(readFields(range), 1).map(decodeEntry)),
    usable: read && numberOf(fields, 2) === 0 && numberOf(fields, 4) === 1,
  };
}

/** Encodes an `AtomicWrite`. */
export function encodeWrite({ checks, sets, deletes }: Write): KvValue {
  return joined(
    ...checks.map(({ key, version }) =>
      bytesField(1, joined(bytesField(1, key), bytesField(2, Uint8Array.fromHex(version ?? ""))))
    ),
    ...sets.map(({ key, value }) => bytesField(2, mutation(key, value, M_SET))),
    ...deletes.map((key) => bytesField(2, mutation(key, new Uint8Array(), M_DELETE))),
  );
}

/**
 * Decodes an `AtomicWriteOutput`.
 *
 * @throws {RangeError} when it is none.
 */
export function decodeWriteAnswer(message: KvValue): WriteAnswer {
  const fields = readFields(message);
  switch (numberOf(fields, 1)) {
    case AW_SUCCESS:
      return { outcome: "written", version: versionIn(fields, 2) };
    case AW_CHECK_FAILURE:
      return { outcome: "check-failed" };
    case AW_WRITE_DISABLED:
      return { outcome: "disabled" };
    default:
      return { outcome: "failed" };
  }
}

function mutation(key: KvValue, value: KvValue, type: number): KvValue {
  return joined(
    bytesField(1, key),
    bytesField(2, joined(bytesField(1, value), numberField(2, VE_BYTES))),
    numberField(3, type),
  );
}

function decodeEntry(message: KvValue): WireEntry {
  const fields = readFields(message);
  const value = bytesOf(fields, 2).at(-1) ?? new Uint8Array();
  return {
    key: bytesOf(fields, 1).at(-1) ?? new Uint8Array(),
    value: numberOf(fields, 3) === VE_BYTES ? value.slice() : undefined,
    version: versionIn(fields, 4),
  };
}

function versionIn(fields: ReturnType<typeof readFields>, field: number): string {
  const bytes = bytesOf(fields, field).at(-1);
  if (bytes?.length !== VERSION_BYTES) throw new RangeError("A version of the message is none");
  return bytes.toHex();
}
