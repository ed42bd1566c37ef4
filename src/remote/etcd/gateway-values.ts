/**
 * Values as the JSON gateway of etcd writes them: keys and values in base64, 64-bit numbers as text, and nothing where a
 * field is zero, false or empty.
 */
import { type EtcdEntry, EtcdError, etcdCodes } from "./etcd.ts";

/** A JSON object. */
export type GatewayObject = Readonly<Record<string, unknown>>;

const empty: GatewayObject = {};
/** Of what a server says of an error. */
const maxMessageChars = 200;

/** `value` as an object; one without fields if it is none. */
export function asObject(value: unknown): GatewayObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as GatewayObject) : empty;
}

/** `value` as a list; an empty one if it is none. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** A 64-bit number as text. "0" if it is not there or not one. */
export function readInteger(value: unknown): string {
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && /^-?\d{1,20}$/.test(text) ? text : "0";
}

export function toBase64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

export function fromBase64(value: unknown): string {
  return typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : "";
}

/** What of a key or its value is read (`KeyValue` of etcd). */
export function readEntry(value: unknown): EtcdEntry {
  const fields = asObject(value);
  return {
    key: fromBase64(fields["key"]),
    value: fromBase64(fields["value"]),
    createRevision: readInteger(fields["create_revision"]),
    modRevision: readInteger(fields["mod_revision"]),
    lease: readInteger(fields["lease"]),
  };
}

/** The keys from `key` on, up to but without `range_end`; in base64. */
export interface KeyRange {
  readonly key: string;
  /** null: the one key. */
  readonly range_end: string | null;
}

/** All keys that begin with `prefix`, or, if it is a key, that one. */
export function toKeyRange(prefix: string, isKey: boolean): KeyRange {
  if (isKey) return { key: toBase64(prefix), range_end: null };
  if (prefix === "") return { key: toBase64("\0"), range_end: toBase64("\0") };
  const end = Buffer.from(prefix, "utf8");
  // No byte of UTF-8 is 0xff: the last one can be counted up.
  end[end.length - 1]! += 1;
  return { key: toBase64(prefix), range_end: end.toString("base64") };
}

/** The error that an answer other than 200, or a line of a stream, holds: older versions of etcd nest it. */
export function readError(value: unknown, status: number): EtcdError {
  const fields = asObject(value);
  const nested = asObject(fields["error"]);
  const source = nested === empty ? fields : nested;
  const said = source["message"] ?? source["error"];
  const message = typeof said === "string" && said !== "" ? said.slice(0, maxMessageChars) : `status ${status}`;
  const code = Number(source["code"] ?? source["grpc_code"] ?? etcdCodes.unknown);
  return new EtcdError(message, { code, status: Number(source["http_code"] ?? status) });
}
